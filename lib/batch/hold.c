/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A closed window keeps the process and its control session and nothing else: writers have ended
 * their sessions, the coordinator's seat is free, and what was committed is durable.
 */
#include "lib/batch/barrier.h"
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include "lib/core/stop.h"
#include <math.h>

static const double look_again = 0.5; /* seconds: the clock may be set while we wait */
static const double keep_alive = 30;  /* seconds between words to the server while we wait */

enum schedule_state batch_hold(const struct batch_setup *setup, const char *label, char *why,
			       size_t size)
{
	double spoke = clock_monotonic(), change;

	for (bool told = false;; told = true) {
		double wall = clock_wall(), now = clock_monotonic();
		enum schedule_state state = schedule_look(&setup->schedule, wall, now, &change);
		struct err ignored;
		if (state == SCHEDULE_GO)
			return state;
		schedule_in_words(state, change, wall, why, size);
		if (state != SCHEDULE_CLOSED)
			return state;
		if (!told) {
			/* A session that is lost is made anew when it is needed. */
			(void)!durable_barrier(setup->control, &ignored);
			EMIT(setup->reporter, "wait", F_TEXT("label", label), F_TEXT("reason", why),
			     F_REAL("seconds", change - wall));
		}
		if (now - spoke >= keep_alive) {
			(void)!pg_exec(setup->control, "SELECT 1", &ignored);
			spoke = now;
		}
		if (!stop_wait(fmin(look_again, change - wall)))
			return state;
	}
}

void run_watch_schedule(struct run *r)
{
	double wall = clock_wall(), change;

	if (wall >= r->looked && wall < r->look_again)
		return;
	enum schedule_state state =
		schedule_look(&r->setup->schedule, wall, clock_monotonic(), &change);
	r->looked = wall;
	r->look_again = fmin(change, wall + look_again);
	if (state == SCHEDULE_GO)
		return;
	r->held = true;
	atomic_store(&r->quit, true);
}

bool run_hold(struct run *r)
{
	enum schedule_state state =
		batch_hold(r->setup, r->job->label, r->sum.why, sizeof(r->sum.why));

	if (stop_requested())
		return false;
	r->held = false;
	atomic_store(&r->quit, state != SCHEDULE_GO);
	if (state == SCHEDULE_GO)
		r->sum.why[0] = '\0';
	return state == SCHEDULE_GO;
}
