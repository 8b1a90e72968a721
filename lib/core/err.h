/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One way to fail: a function that can fail returns bool, is warn_unused_result, and fills the
 * caller's struct err.  No allocation, so it works when memory is out.  Only the runner and the
 * layers above print.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>

enum err_code {
	ERR_NONE,
	ERR_USAGE,     /* a wrong word on the command line */
	ERR_CONFIG,    /* a wrong or missing value in the configuration */
	ERR_CONNECT,   /* a server does not answer or refuses us */
	ERR_DENIED,    /* a right is missing */
	ERR_DB,	       /* the database refused a statement */
	ERR_RETRY,     /* the database says: the same again may work (40001, 40P01, 55P03, 57P0x) */
	ERR_DATA,      /* one row or file is bad; the rest can go on (SQLSTATE class 22, 23) */
	ERR_IO,	       /* a file system or disk refuses: stops the run */
	ERR_NOT_FOUND, /* what was named does not exist */
	ERR_UNSUPPORTED, /* this schema, server or platform is not known to work */
	ERR_LOCKED,	 /* somebody else holds the lock or lease */
	ERR_STOPPED,	 /* stopped early on request or by a limit; running again goes on */
	ERR_HELD, /* a statement was cancelled for a pause or a stop: asked again it goes on */
	ERR_TIMEOUT,
	ERR_BUG /* our own mistake */
};

struct err {
	enum err_code code;
	char text[512];	 /* lower case, no final stop */
	char hint[320];	 /* a sentence with a stop: what the operator can do */
	char native[16]; /* what the other side called it: SQLSTATE, HTTP status, errno name */
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Always returns false, so that `return err_set(...)` reads as the failure it is.  Clears the hint.
 */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* As err_set, with ": strerror(errno)" added and errno's name in native; code ERR_DENIED for
 * EACCES/EPERM, ERR_NOT_FOUND for ENOENT/ENOTDIR, else ERR_IO. */
bool err_errno(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Prefixes context once per layer: "while X: what happened".  Returns false. */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds the hint.  Returns false. */
bool err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
const char *err_code_name(enum err_code code);
/* A session with the database could not be had or was ended (SQLSTATE 08xxx, 57P0x): when the
 * server is back, the same again works. */
bool err_session_lost(const struct err *err);
