/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pauses make work take exactly its share of the time, in pauses that are long enough to see. */
#include "lib/pace/pace.h"
#include "tests/harness/tap.h"
#include <math.h>

/* Share of a minute worked by workers in step, batch after batch. */
static double share(double duty, double batch, int workers, double *shortest)
{
	struct pace p = { .worked = 0 };
	double now = 1000, worked = 0;

	*shortest = INFINITY;
	while (now < 1060) {
		now += batch;
		worked += batch;
		for (int w = 0; w < workers; w++)
			pace_worked(&p, duty, batch, workers, now);
		double rest = pace_left(&p, duty, now);
		if (rest > 0 && rest < *shortest)
			*shortest = rest;
		now += rest;
	}
	return worked / (now - 1000);
}

TEST(work_takes_its_share)
{
	static const double duties[] = { 0.02, 0.1, 0.25, 0.5, 0.9, 0.95 };

	for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
		for (int workers = 1; workers <= 4; workers++) {
			double shortest, got = share(duties[i], 0.005, workers, &shortest);
			CHECK(fabs(got - duties[i]) < 0.02 * duties[i]);
			CHECK(shortest >= 0.1 - 1e-9);
		}
	}
}

TEST(full_speed_does_not_rest)
{
	struct pace p = { .worked = 0 };

	for (int i = 0; i < 1000; i++)
		pace_worked(&p, 1, 0.015, 2, i * 0.015);
	CHECK(pace_left(&p, 1, 15) == 0);
	/* What was worked at full speed is not paid for later. */
	pace_worked(&p, 0.5, 0.015, 2, 15);
	CHECK(pace_left(&p, 0.5, 15) == 0);
}

TEST(duty_counts_as_it_is_now)
{
	struct pace p = { .worked = 0 };

	pace_worked(&p, 0.01, 0.02, 1, 100);
	CHECK(fabs(pace_left(&p, 0.01, 100) - 1.98) < 1e-9);
	CHECK(fabs(pace_left(&p, 0.01, 101) - 0.98) < 1e-9);
	CHECK(pace_left(&p, 0.5, 101) == 0); /* raised: the pause is over */
	CHECK(isinf(pace_left(&p, 0, 101))); /* stopped: it lasts */
	CHECK(pace_left(&p, 1, 101) == 0);
}

TEST(batch_that_was_held_up_is_not_paid_for_in_full)
{
	struct pace p = { .worked = 0 };

	pace_worked(&p, 0.2, 30, 1, 100);
	CHECK(fabs(pace_left(&p, 0.2, 100) - 20) < 1e-9);
}

TEST(nothing_worked_needs_no_rest)
{
	struct pace p = { .worked = 0 };

	pace_worked(&p, 0.1, 0, 1, 5);
	pace_worked(&p, 0.1, -1, 1, 5);
	CHECK(pace_left(&p, 0.1, 5) == 0);
	CHECK(pace_left(&p, 0, 5) == 0); /* who has not worked is stopped by the engine */
}

TAP_MAIN(row(work_takes_its_share), row(full_speed_does_not_rest), row(duty_counts_as_it_is_now),
	 row(batch_that_was_held_up_is_not_paid_for_in_full), row(nothing_worked_needs_no_rest))
