/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations in virtual time: the bounds of the forecast hold as often as they promise. */
#include "lib/pace/wall.h"
#include "tests/bench/world.h"
#include "tests/harness/tap.h"

enum { RUNS = 240 };
static struct costs costs;
static struct world_run runs[RUNS];

static void simulate(void)
{
	static const struct wall_day switches[] = { { 2026, 3, 27 }, { 2026, 10, 23 } };

	setenv("TZ", "Europe/Berlin", 1);
	for (int i = 0; i < RUNS; i++)
		world_run(&costs, 1000 + (uint64_t)i, (enum world_kind)(i % WORLD_KINDS), 0,
			  "22:00-22:01", wall_instant(switches[i % 2], 20 * 60), &runs[i]);
}

TEST(the_bounds_hold_as_often_as_they_promise)
{
	int in = 0;

	REQUIRE(read_costs("tests/bench/costs.txt", &costs));
	simulate();
	for (int i = 0; i < RUNS; i++)
		for (int k = 0; k < CHECKPOINTS; k++)
			in += runs[i].score[k].actual >= runs[i].score[k].p10 &&
			      runs[i].score[k].actual <= runs[i].score[k].p90;
	double share = (double)in / (RUNS * CHECKPOINTS);
	CHECK(share >= 0.70 && share <= 0.95);
	fprintf(stderr, "# %.0f %%\n", 100 * share);
}

static double mean_error(int teller)
{
	double sum = 0;

	/* An error of ten times is as bad as any. */
	for (int i = 0; i < RUNS; i++)
		for (int k = 0; k < CHECKPOINTS; k++)
			sum += fmin(fabs(runs[i].score[k].error[teller]), 10);
	return sum / (RUNS * CHECKPOINTS);
}

TEST(others_would_have_said_worse)
{
	for (int t = 1; t < TELLERS; t++)
		CHECK(mean_error(0) < mean_error(t));
}

TEST(a_night_is_not_enough)
{
	int waited = 0;

	for (int i = 0; i < RUNS; i++)
		waited += runs[i].kind == WINDOWS && runs[i].seconds > 86400;
	CHECK(waited > 0);
}

TAP_MAIN(row(the_bounds_hold_as_often_as_they_promise), row(others_would_have_said_worse),
	 row(a_night_is_not_enough))
