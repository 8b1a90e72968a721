/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Duty made into rests: after so much work so long a pause.  Short batches do not rest one by one:
 * their rests are saved up to pauses in which nobody of ours is at work, so that what a request
 * takes without us can be seen at every duty.
 */
#pragma once

struct pace {
	double worked;	      /* seconds of work that no pause has paid for */
	double paying, began; /* the pause of now: for how much work, and since when */
};

/* One of so many workers has worked for busy seconds; a pause may begin.  Of a batch that was held
 * up only the first seconds count as work. */
void pace_worked(struct pace *p, double duty, double busy, int workers, double now);
/* Seconds that the pause still lasts at this duty; INFINITY at none, 0 when there is none. */
double pace_left(const struct pace *p, double duty, double now);
