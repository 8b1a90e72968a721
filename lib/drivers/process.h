/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Child processes by argv: never a shell.  Output is read while it runs. */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"

struct process_options {
	const char *const *argv; /* a name without a slash is looked for in our PATH */
	const char *const *env;	 /* NULL: inherited; else exactly these "K=V" */
	const char *const *more; /* "K=V" beside those, and before them; NULL: none */
	const char *user;  /* run as this user (setgid, initgroups, setuid) when we are root; NULL:
			      as we are */
	const char *dir;   /* working directory; NULL: "/" */
	const char *input; /* what it reads from stdin; NULL: nothing */
	double timeout;	   /* seconds, 0 = none; the child and its process group are killed then */
	bool stoppable;	   /* the operator's wish to stop ends it as the timeout does */
	bool ends_with_us; /* it is killed when we are, so that it does nothing after us */
	int nice; /* how far it steps back behind others, as priority_lower() has it; 0: not at all
		   */
	size_t max_output;     /* bytes of stdout kept; more is an error */
	struct strbuf *errors; /* gets the last 4 KiB of stderr; NULL: dropped */
	void (*line)(void *arg,
		     const char *text); /* live, both outputs, without the newline; may be NULL */
	void (*tick)(void *arg);	/* about twice a second while it runs; may be NULL */
	void *arg;			/* of line and tick */
};
/*
 * Cuts a command of the configuration into its words, at blanks; there are no quotes, a script is
 * the place for more.  argv borrows from text and has room for most + 1.  False: no word, or more.
 */
bool process_split(char *text, const char **argv, size_t most, struct err *err) MUST_CHECK;
/*
 * *ret_status is the exit code, or 128 + signal.  err only when it could not be started, timed out,
 * or said too much.  No descriptor of ours is handed on.  It ends with the child: a daemon that the
 * child leaves behind may keep the pipes.  out is added to, on success only; NULL: nothing is kept,
 * and any amount may be said.
 */
bool process_run(const struct process_options *o, struct strbuf *out, int *ret_status,
		 struct err *err) MUST_CHECK;
