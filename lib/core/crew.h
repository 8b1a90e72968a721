/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Jobs that only look, done by a few children at once.  Children and not threads: whoever asks a
 * file system whose server is gone is held by the kernel, and only a process can be given up.  A
 * job that hangs or crashes is told as such, and a new child goes on with the others.
 */
#pragma once
#include "lib/core/step.h"

struct crew_options {
	size_t jobs;  /* numbered from 0, begun in this order */
	size_t size;  /* children at once; at least one */
	double limit; /* seconds that a job may take; 0: any time */
	/* False: job i is never begun, and must not be asked for. */
	bool (*wanted)(void *arg, size_t i);
	/* A word: jobs of the same word are done by one child, one after the other, so that what
	 * the first has found out is known to the next; NULL: by any.  Itself NULL: all by any. */
	const char *(*kin)(void *arg, size_t i);
	/* In a child.  What it needs it opens there: a session is not shared by two processes. */
	void (*work)(void *arg, size_t i, struct outcome *out);
	void *arg;
};
struct crew;

struct crew *crew_start(const struct crew_options *o);
/*
 * Waits until job i has ended: *out is its outcome, *seconds the time it took.  Jobs may be asked
 * for in any order, each once.  ERR_TIMEOUT: the limit was over; ERR_STOPPED: the operator wants
 * to stop, and nothing is at work any more; ERR_BUG: its child has crashed.
 */
bool crew_take(struct crew *c, size_t i, struct outcome *out, double *seconds,
	       struct err *err) MUST_CHECK;
/* Ends the children; NULL is fine. */
void crew_end(struct crew *c);
