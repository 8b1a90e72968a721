/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copying and reading below a throttle, without a ledger: threads work in stints as long as the
 * throttle wants them, and rest between them, all at once, as much as it asks for.
 */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/pace/throttle.h"

struct stints_setup {
	struct throttle_setup throttle; /* without options the duty is fixed */
	double duty;			/* the most that it may be */
};
struct stints;
struct stints *stints_open(const struct stints_setup *s);
/* After the last worker has ended; NULL is fine. */
void stints_close(struct stints *s);
/* Main thread, all the time, so that a decision is never older than a moment.  False: limits have
 * stopped it again and again, and the operator wants it to end then. */
bool stints_turn(struct stints *s, struct err *err) MUST_CHECK;
/* Nobody rests any more: the work ends.  Any thread. */
void stints_release(struct stints *s);

/* The work of that label has ended, and another may begin: tells how long it was slowed for which
 * reason.  What others bear is remembered. */
void stints_pause(struct stints *s, const char *label);

/* For progress, main thread: what others feel, and why it is slowed. */
struct stints_state {
	double duty;
	double busy;		 /* seconds of all workers at work since it was asked last */
	long stints;		 /* that ended since then */
	double felt, felt_limit; /* NaN: not known */
	unsigned state;		 /* another number: another reason */
	char reason[200];	 /* "": it is not slowed */
	struct strbuf lost;	 /* throttle_lost */
	struct named lost_by[THROTTLE_REASONS + 1];
};
void stints_look(struct stints *s, struct stints_state *ret);
void stints_state_release(struct stints_state *s);
#define AUTO_STINTS_STATE __attribute__((cleanup(stints_state_release)))
/* Tells how long it was slowed for which reason. */
void stints_tell(const struct stints *s, const char *label);

/* A worker's: zero but for the first; between stints it counts as doing nothing. */
struct stint {
	struct stints *of; /* NULL: nobody minds */
	double began;
};
void stint_begin(struct stint *t);
/* Between two small pieces of one work: a stint that is long enough ends, and another begins after
 * the rest. */
void stint_pass(struct stint *t);
void stint_end(struct stint *t);
