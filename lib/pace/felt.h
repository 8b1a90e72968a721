/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What requests of one kind take with us and without, and at which duty they keep to the goal.
 *
 * Without us means in a look: a while in which none of ours works, and what we left behind has
 * gone. All else is with us, whether a batch was in its way or not: near saturation a queue that we
 * made is still there when a batch of ours is over.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* One request, timed by us: of the kind that Pulp makes to its database; to Pulp itself.  Or a
 * user's, timed by the web server.  Or no request: the share of others' sessions that are taken. */
enum request {
	REQUEST_SQL,
	REQUEST_STATUS,
	REQUEST_CONTENT,
	REQUEST_LOGGED,
	REQUEST_SESSIONS,
	REQUEST_KINDS
};
struct latency {
	double seconds; /* of sessions: 0 to 1 */
	enum request kind;
	bool met; /* a batch of ours overlapped it, or had ended just before it */
};

enum { LATENCY_BUCKETS = 256 };
struct latencies {
	double weight[LATENCY_BUCKETS], sum; /* forgotten by and by */
};
struct felt {
	enum request kind;
	struct latencies met, free; /* with us, without us */
	double duty;		    /* sum of the duties at which they were met */
	double limit;		    /* seconds that a request may take; 0: not known yet */
	double seen, allowed; /* what they take without us at the share that is looked at; what
				 share may take longer */
	double mean, spread;  /* of those without us */
	double room;	      /* what the mean may be more */
	double alarm;	      /* sum of what was beyond its share */
};

void felt_start(struct felt *f, enum request kind);
void felt_fade(struct felt *f, double dt);
void felt_add_met(struct felt *f, double x, double duty);
void felt_add_free(struct felt *f, double x);
/* After these: how long requests may take, at most ratio x or + floor seconds of what they take
 * without us. */
void felt_limit(struct felt *f, double ratio, double floor);
/* Whether enough were seen with us and without. */
bool felt_known(const struct felt *f);
/* The highest duty at which they keep to the limit, when what they take more is in proportion to
 * the duty; INFINITY: any, or not known yet.  doubt: how much of what may be chance is not held
 * against us. */
double felt_duty(const struct felt *f, double doubt);
/* What they take with us, at the share that is looked at. */
double felt_seen(const struct felt *f);
