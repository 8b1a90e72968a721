/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns: never more at once than there is room for, and rests that all take at the same time. */
#include "lib/core/clock.h"
#include "lib/pace/gate.h"
#include "tests/harness/tap.h"
#include <poll.h>
#include <stdatomic.h>

enum { MANY = 4, TURN = 4 /* milliseconds */ };
static const double lasts = 0.8; /* seconds */

struct crowd_of_ours {
	struct gate *gate;
	double until;
	atomic_int inside, most;
	_Atomic double worked;
};

static void *take_turns(void *arg)
{
	struct crowd_of_ours *c = arg;

	while (clock_monotonic() < c->until) {
		(void)gate_enter(c->gate, true);
		double began = clock_monotonic();
		int n = atomic_fetch_add(&c->inside, 1) + 1;
		if (n > atomic_load(&c->most))
			atomic_store(&c->most, n);
		(void)poll(NULL, 0, TURN);
		atomic_fetch_sub(&c->inside, 1);
		atomic_store(&c->worked, atomic_load(&c->worked) + clock_monotonic() - began);
		gate_leave(c->gate);
	}
	return NULL;
}

/* Share of the time in which somebody was inside a gate with room for one. */
static double share_at_work(double rest, int *most)
{
	struct gate g;
	pthread_t threads[MANY];
	int started = 0;

	gate_open(&g);
	gate_set(&g, 1, true, rest);
	double began = clock_monotonic();
	struct crowd_of_ours c = { .gate = &g, .until = began + lasts };
	while (started < MANY && pthread_create(&threads[started], NULL, take_turns, &c) == 0)
		started++;
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	*most = atomic_load(&c.most);
	double share = atomic_load(&c.worked) / (clock_monotonic() - began);
	gate_close(&g);
	return share;
}

TEST(many_take_turns_and_rest_together)
{
	int most;

	CHECK(share_at_work(0.5, &most) < 0.55);
	CHECK_INT(most, 1);
	CHECK(share_at_work(0.1, &most) < 0.92);
	CHECK_INT(most, 1);
}

TEST(who_need_not_rest_enters_at_once)
{
	struct gate g;

	gate_open(&g);
	gate_set(&g, 1, true, 0.999);
	CHECK(gate_enter(&g, false));
	(void)poll(NULL, 0, 50);
	gate_leave(&g); /* nobody enters for 50 s */
	double began = clock_monotonic();
	gate_set(&g, 1, true, 0);
	CHECK(gate_enter(&g, true));
	gate_leave(&g);
	CHECK(clock_monotonic() - began < 10);
	gate_close(&g);
}

TEST(who_is_no_batch_enters_where_only_batches_wait)
{
	struct gate g;

	gate_open(&g);
	CHECK(gate_enter(&g, true));
	CHECK(!gate_enter(&g, false));
	gate_leave(&g);
	gate_close(&g);
}

TAP_MAIN(row(many_take_turns_and_rest_together), row(who_need_not_rest_enters_at_once),
	 row(who_is_no_batch_enters_where_only_batches_wait))
