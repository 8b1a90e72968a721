/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From counts and a sample to an interval. */
#include "lib/pace/estimate.h"
#include "tests/harness/tap.h"
#include <math.h>

static bool near(double a, double b, double share)
{
	if (fabs(a - b) <= share * fabs(b))
		return true;
	fprintf(stderr, "# got %g, wanted %g\n", a, b);
	return false;
}

static struct estimate_result make(const struct estimate_input *in)
{
	struct estimate_result r;

	estimate_make(in, 1, &r);
	return r;
}

TEST(blocks_that_agree_leave_nothing_open)
{
	const struct estimate_stratum strata[] = { { .part = 0, .rows = 10000 },
						   { .part = 0, .rows = 100 },
						   { .part = 1, .rows = 10100 } };
	const struct estimate_block blocks[] = {
		{ 0, 25, 0.025, NAN }, { 0, 50, 0.05, NAN }, { 1, 10, 1.0, 0 }, { 2, 5, 0.01, 0 }
	};
	const struct estimate_part parts[] = { { .fixed = 1, .workers = 2 }, { .workers = 4 } };
	const struct estimate_input in = { strata, blocks, parts, 3, 4, 2, { 1, 1, 1 }, 0 };
	struct estimate_result r = make(&in);

	CHECK(near(r.part[0].p50, 1 + (10000 * 0.001 + 100 * 0.1) / 2, 1e-9));
	CHECK(near(r.part[1].p50, 10100 * 0.002 / 4, 1e-9));
	CHECK(near(r.full.p50, r.part[0].p50 + r.part[1].p50, 1e-9));
	CHECK(near(r.full.p10, r.full.p90, 1e-9));
	CHECK(near(r.throttled.p50, r.full.p50, 1e-9));
	CHECK(near(r.raw[0], r.part[0].p50, 1e-9));
}

TEST(blocks_that_differ_give_an_interval_with_the_mean_in_it)
{
	const struct estimate_stratum s = { .rows = 1000 };
	struct estimate_block blocks[12];
	const struct estimate_part part = { .workers = 1 };
	const struct estimate_input in = { &s, blocks, &part, 1, 12, 1, { 1, 1, 1 }, 0 };

	for (int i = 0; i < 12; i++)
		blocks[i] = (struct estimate_block){ 0, 25, 0.025 * (i % 3 + 1), NAN };
	struct estimate_result r = make(&in);
	CHECK(r.full.p10 < 2 && r.full.p90 > 2);
	CHECK(near(r.full.p50, 2, 0.06));
	/* Standard deviation of the mean of 12: 0.816 / sqrt(12). */
	CHECK(near(r.full.p90 - r.full.p10, 2 * 1.28 * 0.2357, 0.15));
}

TEST(the_first_touch_is_paid_once_a_page)
{
	const struct estimate_stratum s = { .rows = 100000, .firsts = 4000 };
	const struct estimate_block b = { 0, 10, 0.01, 0.02 };
	const struct estimate_part part = { .workers = 1 };
	const struct estimate_input in = { &s, &b, &part, 1, 1, 1, { 1, 1, 1 }, 0 };

	CHECK(near(make(&in).full.p50, 100000 * 0.001 + 4000 * 0.002, 1e-9));
	const struct estimate_stratum few = { .rows = 100, .firsts = 4000 };
	const struct estimate_input small = { &few, &b, &part, 1, 1, 1, { 1, 1, 1 }, 0 };
	CHECK(near(make(&small).full.p50, 100 * 0.003, 1e-9));
}

TEST(what_no_block_tells_is_the_prior_and_wide)
{
	const struct estimate_stratum s = { .rows = 1000, .prior = 0.001, .prior_spread = 0.5 };
	const struct estimate_part part = { .workers = 1 };
	const struct estimate_input in = { &s, NULL, &part, 1, 0, 1, { 1, 1, 1 }, 0 };
	struct estimate_result r = make(&in);

	CHECK(near(r.full.p50, 1, 0.1));
	CHECK(near(log(r.full.p90 / r.full.p10), 2 * 1.2816 * 0.5, 0.1));
}

TEST(what_no_clock_gave_is_left_out)
{
	const struct estimate_stratum s = { .rows = 1000 };
	const struct estimate_block blocks[] = { { 0, 25, 0.025, NAN }, { 0, 0, 1, 0 },
						 { 0, 5, NAN, 0 },	{ 0, 5, -1, 0 },
						 { 0, 5, INFINITY, 0 }, { 7, 5, 1, 0 },
						 { -1, 5, 1, 0 } };
	const struct estimate_part part = { .workers = 0 };
	const struct estimate_input in = { &s, blocks, &part, 1, 7, 1, { 1, 1, 1 }, 0 };

	CHECK(near(make(&in).full.p90, 1, 1e-9));
}

TEST(the_throttle_stretches_and_waits_add)
{
	const struct estimate_stratum s = { .rows = 10000 };
	const struct estimate_block b = { 0, 10, 0.01, NAN };
	const struct estimate_part part = { .workers = 1 };
	const struct estimate_input in = { &s, &b, &part, 1, 1, 1, { 0.25, 0.5, 0.8 }, 30 };
	struct estimate_result r = make(&in);

	CHECK(near(r.throttled.p50, 50, 0.05));
	CHECK(near(r.throttled.p10, 30 + 10 / 0.8, 0.05));
	CHECK(near(r.throttled.p90, 30 + 10 / 0.25, 0.05));
	CHECK(near(r.full.p50, 10, 1e-9));
}

TEST(the_throttle_does_not_stretch_what_is_fixed)
{
	const struct estimate_stratum s = { .rows = 1000 };
	const struct estimate_block b = { 0, 10, 0.01, NAN };
	const struct estimate_part part = { .workers = 1, .fixed = 5 };
	const struct estimate_input in = { &s, &b, &part, 1, 1, 1, { 0.5, 0.5, 0.5 }, 0 };

	CHECK(near(make(&in).full.p50, 6, 1e-9));
	CHECK(near(make(&in).throttled.p50, 5 + 2, 1e-9));
}

TEST(earlier_runs_shift_and_widen_it)
{
	double mu, sigma, before;

	estimate_regime(NULL, 0, &mu, &before);
	CHECK(mu == 0 && before > 0.1);
	estimate_regime((const double[]){ log(10) }, 1, &mu, &sigma);
	CHECK(exp(mu) > 5 && exp(mu) < 10 && sigma > before);
	estimate_regime((const double[]){ log(10), log(10), log(10), log(10), log(10) }, 5, &mu,
			&sigma);
	CHECK(exp(mu) > 7.5 && exp(mu) < 10);
	/* The newest counts most. */
	estimate_regime((const double[]){ 0, 0, log(10) }, 3, &mu, &sigma);
	CHECK(exp(mu) < 2);
	estimate_regime((const double[]){ INFINITY }, 1, &mu, &sigma);
	CHECK(isfinite(mu) && isfinite(sigma));

	const struct estimate_part part = { .fixed = 10, .mu = log(3), .sigma = 0.1 };
	const struct estimate_input in = { NULL, NULL, &part, 0, 0, 1, { 1, 1, 1 }, 0 };
	struct estimate_result r = make(&in);
	CHECK(near(r.full.p50, 30, 0.02));
	CHECK(near(r.raw[0], 10, 1e-9));
}

TEST(the_same_seed_gives_the_same)
{
	const struct estimate_stratum s = { .rows = 1000, .prior = 0.001, .prior_spread = 0.5 };
	const struct estimate_part part = { .workers = 1, .sigma = 0.3 };
	const struct estimate_input in = { &s, NULL, &part, 1, 0, 1, { 0.2, 0.5, 1 }, 0 };
	struct estimate_result a, b, c;

	estimate_make(&in, 7, &a);
	estimate_make(&in, 7, &b);
	estimate_make(&in, 8, &c);
	CHECK(memcmp(&a, &b, sizeof(a)) == 0);
	CHECK(a.full.p50 != c.full.p50);
}

TEST(nothing_takes_no_time)
{
	const struct estimate_input in = { .duty = { 1, 1, 1 } };
	struct estimate_result r = make(&in);

	CHECK(r.full.p90 == 0 && r.throttled.p90 == 0);
}

TAP_MAIN(row(blocks_that_agree_leave_nothing_open),
	 row(blocks_that_differ_give_an_interval_with_the_mean_in_it),
	 row(the_first_touch_is_paid_once_a_page), row(what_no_block_tells_is_the_prior_and_wide),
	 row(what_no_clock_gave_is_left_out), row(the_throttle_stretches_and_waits_add),
	 row(the_throttle_does_not_stretch_what_is_fixed), row(earlier_runs_shift_and_widen_it),
	 row(the_same_seed_gives_the_same), row(nothing_takes_no_time))
