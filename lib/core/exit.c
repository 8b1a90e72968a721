/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Exit codes: one table for people, one mapping from errors, one order of badness. */
#include "lib/core/exit.h"

#include <signal.h>
#include <stddef.h>

const struct exit_text exit_texts[] = {
	{ EXIT_DONE, "done, or nothing was needed" },
	{ EXIT_FAILED, "a step failed, or a check found something" },
	{ EXIT_USAGE, "wrong usage or configuration; nothing was done" },
	{ EXIT_UNKNOWN, "could not find out" },
	{ EXIT_STOPPED_EARLY, "stopped early with its state saved (window, deadline, lock held by "
			      "another run): run it again" },
	{ EXIT_WARNINGS, "done with warnings: partial or quarantined rows too" },
	{ EXIT_SIGINT, "stopped by an operator (SIGINT) with its state saved" },
	{ EXIT_SIGTERM, "stopped by a signal (SIGTERM, SIGHUP) with its state saved" },
	{ 0, NULL },
};

int exit_of_err(const struct err *err)
{
	switch (err->code) {
	case ERR_NONE:
		return EXIT_DONE;
	case ERR_USAGE:
	case ERR_CONFIG:
		return EXIT_USAGE;
	case ERR_CONNECT:
	case ERR_TIMEOUT:
		return EXIT_UNKNOWN;
	case ERR_LOCKED:
	case ERR_STOPPED:
	case ERR_HELD:
		return EXIT_STOPPED_EARLY;
	case ERR_DENIED:
	case ERR_DB:
	case ERR_RETRY:
	case ERR_DATA:
	case ERR_IO:
	case ERR_NOT_FOUND:
	case ERR_UNSUPPORTED:
	case ERR_BUG:
		return EXIT_FAILED;
	}
	return EXIT_FAILED;
}

int exit_of_stop(int sig)
{
	return sig == 0 ? EXIT_STOPPED_EARLY : sig == SIGINT ? EXIT_SIGINT : EXIT_SIGTERM;
}

bool exit_is_resumable(int status)
{
	return status == EXIT_STOPPED_EARLY || status == EXIT_SIGINT || status == EXIT_SIGTERM;
}

static int badness(int status)
{
	switch (status) {
	case EXIT_DONE:
		return 0;
	case EXIT_WARNINGS:
		return 1;
	case EXIT_UNKNOWN:
		return 2;
	case EXIT_STOPPED_EARLY:
		return 3;
	case EXIT_SIGTERM:
		return 4;
	case EXIT_SIGINT:
		return 5;
	case EXIT_USAGE:
		return 7;
	default:
		return 6;
	}
}

int exit_worse(int a, int b)
{
	return badness(a) >= badness(b) ? a : b;
}
