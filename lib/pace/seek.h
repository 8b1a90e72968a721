/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The duty that others do not feel, found from below: it begins with the least, after a look at how
 * they fare without us, rises while what they feel keeps to the goal, and falls at once when it
 * does not.  Looks go on for as long as it works, so that it knows what the goal is.
 */
#pragma once
#include "lib/pace/felt.h"

struct seek {
	struct felt felt[REQUEST_KINDS];
	enum request tightest;	/* the kind that slowed us last */
	bool modelled;		/* what was felt bounds the duty */
	double loop;		/* duty that latency allows */
	double bad, bad_aged;	/* duty that was too much; when it was last relaxed */
	double changed, loaded; /* when loop was; what it was when others last worked */

	bool begun, away; /* away: nobody of ours is to work, for a look */
	double turned;	  /* when away became what it is */
	double settle;	  /* seconds of a look in which what we left behind may still be there */
	double length;	  /* of the look without these */
};

/* What a request with us may take: ratio x, or + floor seconds, of what it takes without. */
struct goal {
	double ratio, floor;
};

void seek_start(struct seek *s);
/* Others come back, at t: as it was when they worked last, after a look. */
void seek_again(struct seek *s, double t);
/* What they felt in the dt seconds before t, while the duty was so high. */
void seek_take(struct seek *s, const struct latency *probe, size_t n, double duty, double t,
	       double dt, struct goal goal);
/* A step of the search.  other: what else bounds the duty.  yields: the processor is others' before
 * it is ours, so that a duty takes little from them, and it is found in larger steps. */
void seek_step(struct seek *s, double t, double other, bool yields);
/* Another goal. */
void seek_forget(struct seek *s);
