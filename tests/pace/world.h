/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A world for the throttle: somebody who asks, and how long it takes with us and without. */
#pragma once
#include "lib/pace/controller.h"
#include <math.h>
#include <stdint.h>

static const double tick = 0.25; /* seconds between steps */

/* A Pulp that answers in `free` seconds, in `met` when a batch of ours is in the way; one request
 * in a hundred takes three times as long. */
struct world {
	struct controller c;
	struct signals s;
	double t, free, met;
	uint64_t seed;
	double worked;	  /* duty times seconds */
	int looked;	  /* steps of the look of now */
	enum request web; /* asked once a second, too; SQL: none is */
	double web_free, web_met;
};

static inline double dice(struct world *w)
{
	w->seed = w->seed * 6364136223846793005U + 1442695040888963407U;
	return (double)(w->seed >> 11) / 9007199254740992.0;
}

static inline void begin(struct world *w, enum profile profile)
{
	*w = (struct world){ .free = 0.002, .met = 0.002, .seed = 7 };
	controller_start(&w->c);
	w->s.profile = profile;
	w->s.max_duty = 1;
	w->s.calm = usual_calm;
	w->s.busy = BUSY_NO;
	w->s.batch = 0.005;
}

static inline void pass(struct world *w, double seconds)
{
	for (double end = w->t + seconds; w->t < end;) {
		w->t += tick;
		w->s.probes = w->s.busy == BUSY_NO ? 0 : 4;
		for (size_t i = 0; i < w->s.probes; i++) {
			double slow = (0.5 + dice(w)) * (dice(w) < 0.01 ? 3 : 1);
			bool met = !w->c.now.away && dice(w) < w->c.now.duty;
			double us = floor(slow * (met ? w->met : w->free) * 1e6);
			w->s.probe[i] = (struct latency){ us / 1e6, REQUEST_SQL, met };
		}
		/* Once a second, and in each look. */
		w->looked = w->c.now.away ? w->looked + 1 : 0;
		if (w->web != REQUEST_SQL && ((int)(w->t / tick) % 4 == 0 || w->looked == 2)) {
			bool met = !w->c.now.away && dice(w) < w->c.now.duty;
			double us = floor((0.8 + 0.4 * dice(w)) * (met ? w->web_met : w->web_free) *
					  1e6);
			w->s.probe[w->s.probes++] = (struct latency){ us / 1e6, w->web, met };
		}
		for (size_t i = 0; i < SIGNAL_COUNT; i++)
			w->s.of[i].at = w->t;
		controller_step(&w->c, &w->s, w->t);
		w->worked += w->c.now.away ? 0 : tick * w->c.now.duty;
	}
}

static inline void set(struct world *w, enum signal id, double value)
{
	w->s.of[id] = (struct signal_value){ SIGNAL_KNOWN, value, w->t };
}

/* Until the duty is so high; the seconds that it took, or 1e9. */
static inline double until_at_least(struct world *w, double duty, double most)
{
	double from = w->t;

	while (w->c.now.duty < duty) {
		if (w->t - from > most)
			return 1e9;
		pass(w, tick);
	}
	return w->t - from;
}

static inline double until_at_most(struct world *w, double duty, double most)
{
	double from = w->t;

	while (w->c.now.duty > duty) {
		if (w->t - from > most)
			return 1e9;
		pass(w, tick);
	}
	return w->t - from;
}

static inline const char *words(const struct world *w)
{
	static char out[160];

	decision_in_words(&w->c.now, out, sizeof(out));
	return out;
}
