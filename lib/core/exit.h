/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one table of exit codes; help and the man page are printed from it. */
#pragma once
#include "lib/core/err.h"

enum exit_status {
	EXIT_DONE = 0,		 /* done, or nothing was needed */
	EXIT_FAILED = 1,	 /* failed, or a check found something */
	EXIT_USAGE = 2,		 /* usage or configuration */
	EXIT_UNKNOWN = 3,	 /* could not find out */
	EXIT_STOPPED_EARLY = 75, /* stopped early but resumable: window, deadline, lock held */
	EXIT_WARNINGS = 78,	 /* done with warnings: partial or quarantined rows too */
	EXIT_SIGINT = 130,	 /* stopped by an operator, state saved */
	EXIT_SIGTERM = 143	 /* stopped by a signal, state saved */
};

struct exit_text {
	int status;
	const char *meaning; /* one lower case phrase */
};
extern const struct exit_text exit_texts[]; /* ends with meaning NULL */

/* The exit status of a command that ended with this error. */
int exit_of_err(const struct err *err);
/* The exit status of work that was stopped with its state saved: by a signal, or 0: by itself. */
int exit_of_stop(int sig);
/* Whether the same command goes on from where one of this status has ended. */
bool exit_is_resumable(int status);
/* The worse of two: failed > stopped by signal > stopped early > unknown > warnings > done; usage
 * wins over all. */
int exit_worse(int a, int b);
