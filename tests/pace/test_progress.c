/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What progress promises: no nonsense at any moment, and the right answer when work is steady. */
#include "lib/pace/progress.h"
#include "tests/harness/tap.h"
#include <math.h>

static bool near(double a, double b, double share)
{
	return fabs(a - b) <= share * fabs(b);
}

/* Every number is unknown or sensible. */
static bool sane(struct eta e)
{
	return (isnan(e.rate) || (e.rate > 0 && isfinite(e.rate))) &&
	       isnan(e.p50) == isnan(e.p10) && isnan(e.p50) == isnan(e.p90) &&
	       (isnan(e.p50) ||
		(e.p10 >= 0 && e.p10 <= e.p50 && e.p50 <= e.p90 && isfinite(e.p90)));
}

TEST(nothing_is_known_before_the_first_rows)
{
	struct progress p;

	progress_start(&p, 100.0, 0);
	struct eta e = progress_eta(&p, 100.0, 0, 1000);
	CHECK(isnan(e.rate) && isnan(e.p10) && isnan(e.p50) && isnan(e.p90));
	e = progress_eta(&p, 105.0, 0, 1000);
	CHECK(isnan(e.rate) && isnan(e.p50));
	e = progress_eta(&p, 100.0, 10, 1000); /* rows, but no time has passed */
	CHECK(sane(e) && isnan(e.rate));
}

TEST(a_constant_rate_gives_the_right_end)
{
	struct progress p;
	double t = 50.0;
	int64_t done = 400; /* somebody else's work before us is no rate of ours */

	progress_start(&p, t, done);
	for (int i = 1; i <= 100; i++) {
		t += 0.5;
		done += 50;
		progress_sample(&p, t, done);
		struct eta e = progress_eta(&p, t, done, 20400);
		CHECK(near(e.rate, 100.0, 1e-9));
		CHECK(near(e.p50, (double)(20400 - done) / 100.0, 1e-9));
		CHECK(sane(e));
	}
	/* Sure of it, the interval is narrow. */
	struct eta e = progress_eta(&p, t, done, 20400);
	CHECK(e.p90 < 1.2 * e.p50 && e.p10 > 0.8 * e.p50);
}

TEST(the_end_is_zero_and_never_below)
{
	struct progress p;

	progress_start(&p, 0.0, 0);
	progress_sample(&p, 1.0, 100);
	struct eta e = progress_eta(&p, 1.0, 100, 100);
	CHECK(e.p10 == 0 && e.p50 == 0 && e.p90 == 0);
	e = progress_eta(&p, 1.0, 130, 100); /* rows were looked at again */
	CHECK(e.p10 == 0 && e.p50 == 0 && e.p90 == 0);
	progress_start(&p, 0.0, 7);
	e = progress_eta(&p, 0.0, 7, 7); /* done before anything was seen */
	CHECK(e.p10 == 0 && e.p50 == 0 && e.p90 == 0);
}

TEST(a_growing_total_moves_the_end)
{
	struct progress p;

	progress_start(&p, 0.0, 0);
	for (int i = 1; i <= 10; i++)
		progress_sample(&p, i, 10 * i);
	struct eta before = progress_eta(&p, 10.0, 100, 200);
	struct eta after = progress_eta(&p, 10.0, 100, 400);
	CHECK(near(before.p50, 10.0, 1e-9));
	CHECK(near(after.p50, 30.0, 1e-9));
}

TEST(the_recent_past_counts_and_not_the_whole)
{
	struct progress p;
	double t = 0;
	int64_t done = 0;

	progress_start(&p, t, done);
	for (int i = 0; i < 1000; i++)
		progress_sample(&p, t += 1, done += 1000);
	for (int i = 0; i < 2 * PROGRESS_SLOTS; i++)
		progress_sample(&p, t += 1, done += 10);
	struct eta e = progress_eta(&p, t, done, done + 100);
	CHECK(near(e.rate, 10.0, 1e-9));
	CHECK(near(e.p50, 10.0, 1e-9));
}

TEST(uneven_work_is_less_sure)
{
	struct progress steady, uneven;
	int64_t a = 0, b = 0;

	progress_start(&steady, 0.0, 0);
	progress_start(&uneven, 0.0, 0);
	for (int i = 1; i <= 20; i++) {
		progress_sample(&steady, i, a += 50);
		progress_sample(&uneven, i, b += i % 2 ? 99 : 1);
	}
	struct eta s = progress_eta(&steady, 20.0, a, 5000);
	struct eta u = progress_eta(&uneven, 20.0, b, 5000);
	CHECK(near(s.p50, u.p50, 1e-9));
	CHECK(u.p90 - u.p10 > 2 * (s.p90 - s.p10));
}

/* A clock that stands still, goes back, or work that goes back: unknown at worst. */
TEST(no_input_gives_nonsense)
{
	struct progress p;
	uint64_t seed = 1;
	int64_t done = 0, total = 1000;
	double t = 0;

	progress_start(&p, t, done);
	for (int i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005U + 1442695040888963407U;
		unsigned dice = (unsigned)(seed >> 33);
		t += dice % 7 == 0 ? 0 : dice % 11 == 0 ? -0.3 : (double)(dice % 100) / 40.0;
		done += dice % 5 == 0 ? 0 : dice % 13 == 0 ? -20 : (int64_t)(dice % 90);
		total += dice % 3 == 0 ? 100 : 0;
		if (done < 0)
			done = 0;
		if (dice % 2)
			progress_sample(&p, t, done);
		if (!CHECK(sane(progress_eta(&p, t, done, total))))
			return;
	}
}

TAP_MAIN(row(nothing_is_known_before_the_first_rows), row(a_constant_rate_gives_the_right_end),
	 row(the_end_is_zero_and_never_below), row(a_growing_total_moves_the_end),
	 row(the_recent_past_counts_and_not_the_whole), row(uneven_work_is_less_sure),
	 row(no_input_gives_nonsense))
