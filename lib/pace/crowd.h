/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether others take so much of this host's processors that some of them are to be theirs alone.
 */
#pragma once
#include <stdbool.h>

struct crowd {
	double busy, all; /* what was told last */
	unsigned looks;	  /* in a row, without us */
	double share;	  /* of the processors' time that others take, 0 to 1 */
	bool is;
};

/* As if they took all, until it is known. */
void crowd_start(struct crowd *c);
/*
 * At each decision of the throttle.  away: we were not at work since the one before.  busy, all:
 * time since boot in which processors did something, and all of their time, in the same unit; where
 * that is not known both are -1.
 */
void crowd_take(struct crowd *c, bool away, double busy, double all);
/*
 * Share of the time, below 1, in which none of ours is to be at work, so that a processor on which
 * ours and others are is idle for a fifth of it.
 */
double crowd_rests(const struct crowd *c);
