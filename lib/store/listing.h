/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list of what a backup holds in the store: one line for each file, SHA256 TAB SIZE TAB PATH.
 * The path has the escapes of PostgreSQL's COPY: \t, \n, \r, \b, \f, \v and \\ .
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stdint.h>

/* Bytes that are read or written at once: a list may be of millions of lines. */
enum { LISTING_BUFFER = 128 << 10 };
struct listing;
struct listing_row { /* borrowed until the next one is asked for */
	char sha256[65];
	int64_t size;
	const char *path;
};
bool listing_open(const char *path, struct listing **ret, struct err *err) MUST_CHECK;
void listing_close(struct listing *l); /* NULL is fine */
/* *ret is NULL at the end.  ERR_DATA: a line that is none, by its number. */
bool listing_next(struct listing *l, const struct listing_row **ret, struct err *err) MUST_CHECK;
/* One line, terminated and with its newline, which is changed; the path is borrowed from it. False:
 * it is none. */
bool listing_parse(char *line, size_t len, struct listing_row *row);
/* Adds a text with its escapes; takes them off in place, false when one is none that COPY writes.
 */
void listing_escape(struct strbuf *out, const char *text);
bool listing_unescape(char *text) MUST_CHECK;
/* Adds a line. */
void listing_add(struct strbuf *out, const char *sha256, int64_t size, const char *path);
