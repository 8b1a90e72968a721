/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Units of systemd, through systemctl's argv.  What a unit is doing is always asked anew: between
 * two questions an operator or a timer may have changed it.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stddef.h>

/* A set of names in the order in which they came; each once. */
struct names {
	char **all;
	size_t n;
};
bool names_has(const struct names *s, const char *name);
void names_add(struct names *s, const char *name); /* copied */
void names_release(struct names *s);
#define AUTO_NAMES __attribute__((cleanup(names_release)))

struct unit {
	char *name; /* its own, where it was asked for by an alias */
	char *description;
	char *triggered_by; /* "a.socket b.timer", or "" */
	char load[24], active[24], sub[32], file[24], type[24], result[32];
	long pid; /* of its main process; 0: none */
};
struct units {
	struct unit *all;
	size_t n;
};

/* Whether it works, or is about to. */
bool unit_runs(const struct unit *u);
/* Whether text is the name of a service, socket or timer, and nothing that systemctl would take for
 * an option or a pattern. */
bool unit_is_name(const char *text);

/* Services, sockets and timers, loaded or installed, whose names match one of the NULL-terminated
 * patterns of fnmatch(3).  Templates are left out. */
bool units_named(const char *const *patterns, struct names *ret, struct err *err) MUST_CHECK;
/* In the order asked; a name that does not exist has load "not-found". */
bool units_show(const struct names *names, struct units *ret, struct err *err) MUST_CHECK;
void units_release(struct units *u);
#define AUTO_UNITS __attribute__((cleanup(units_release)))

/*
 * One verb ("start", "stop", "enable", "reset-failed") for all of them at once; systemd works on
 * them in parallel, as far as their own order lets it.  Returns when the jobs have ended, however
 * they ended: who asked looks at the units.  *ret_status is systemctl's, said gets what it
 * complained of. ERR_TIMEOUT: the jobs go on in systemd.
 */
bool units_do(const char *verb, const struct names *names, double timeout, struct strbuf *said,
	      int *ret_status, struct err *err) MUST_CHECK;
/* For the test: the output of `systemctl show` on several units. */
void units_parse(const char *text, struct units *ret);
