/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What requests of one kind take with us and without, and at which duty they keep to the goal. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { LATENCY_BUCKETS = 256 };
struct latencies {
	double weight[LATENCY_BUCKETS], sum, seconds; /* forgotten by and by */
};
struct felt {
	struct latencies met, free;
	double enough_met, enough_free; /* requests without which nothing is said */
	double half_met, half_free;	/* seconds in which they lose half their weight */
	double limit;			/* seconds that a request may take; 0: not known yet */
	double seen, allowed; /* what they take without us at the share that is looked at; what
				 share may take longer */
	double alarm;	      /* sum of what was beyond its share */
};

void felt_fade(struct felt *f, double dt);
/* met: a batch of ours was in its way. */
void felt_add(struct felt *f, double seconds, bool met);
/* After these: how long requests may take, at most ratio x or + floor seconds of what they take
 * without us. */
void felt_limit(struct felt *f, double ratio, double floor);
/* The highest duty at which requests keep to the limit; loop: the duty of now, batch: seconds. */
double felt_duty(const struct felt *f, double loop, double batch);
/* What requests that met us take, at the share that is looked at. */
double felt_seen(const struct felt *f);
