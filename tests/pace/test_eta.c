/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the forecast promises: never nonsense, and the right end when the world is as it seems. */
#include "lib/pace/eta.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <stdint.h>

static const struct eta_guess guess = { 100e-6, 0.6 };

static bool near(double a, double b, double share)
{
	return fabs(a - b) <= share * fabs(b);
}

static bool sane(struct eta_range r)
{
	return r.p10 >= 0 && r.p10 <= r.p50 && r.p50 <= r.p90 && isfinite(r.p90);
}

/* One part of equal units: so many a second, by two workers that are always busy. */
static void steady(struct eta *e, int part, double *left, double total, double rate, double seconds)
{
	for (double t = 0; t < seconds; t += 0.5) {
		*left = fmax(0, *left - rate / 2);
		eta_count(e, part, total, *left);
		eta_pass(e, &(struct eta_step){ .part = part,
						.seconds = 0.5,
						.units = rate / 2,
						.own = rate / 2,
						.busy = 1,
						.batches = 4 });
	}
}

TEST(something_is_said_before_anything_is_seen)
{
	struct eta e;

	eta_start(&e, 2);
	CHECK(eta_left(&e, e.parts).p50 == 0);
	eta_add(&e, 100000, guess, 0);
	struct eta_range r = eta_left(&e, e.parts);
	CHECK(sane(r) && near(r.p50, 5, 0.01));
	CHECK(r.p90 > 1.5 * r.p50);
}

TEST(a_steady_run_gives_the_right_end)
{
	struct eta e;
	double total = 100000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, 0);
	for (int i = 1; i <= 80; i++) {
		steady(&e, 0, &left, total, 2000, 0.5);
		if (i < 10)
			continue;
		CHECK(near(eta_left(&e, e.parts).p50, left / 2000, 0.05));
	}
	struct eta_range r = eta_left(&e, e.parts);
	CHECK(r.p90 < 1.25 * r.p50 && r.p10 > 0.8 * r.p50);
}

TEST(the_first_rows_are_not_the_rest)
{
	struct eta e;
	double total = 100000, left = total;

	/* They cost four times as much, which fades within the first percents. */
	eta_start(&e, 2);
	eta_add(&e, total, guess, 3);
	for (int i = 0; i < 24; i++) {
		double done = 1 - left / total, cost = 500e-6 * (1 + 3 * exp(-done / 0.04));
		steady(&e, 0, &left, total, 2 / cost, 0.5);
	}
	double rest = left * 500e-6 / 2;
	CHECK(near(eta_left(&e, e.parts).p50, rest, 0.2));
}

TEST(a_cold_beginning_is_not_the_rest)
{
	struct eta e;
	double total = 60000, left = total, each = 280e-6;

	/* As recorded of detach from a cold disk: six times more was thought, forty times it is. */
	eta_start(&e, 2);
	eta_add(&e, total, (struct eta_guess){ each, 0.3 }, 6);
	for (int i = 0; i < 12; i++) {
		double done = 1 - left / total, cost = each * (1 + 40 * exp(-done / 0.025));
		steady(&e, 0, &left, total, 2 / cost, 0.5);
		done = 1 - left / total;
		double rest = each * (left + 40 * total * 0.025 * exp(-done / 0.025)) / 2;
		CHECK(near(eta_left(&e, e.parts).p50, rest, i < 4 ? 0.6 : 0.45));
	}
}

TEST(a_vacuum_is_not_quicker_because_rows_are)
{
	struct eta e;
	double total = 10000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, 0);
	eta_add_aside(&e, 30, 0.5);
	steady(&e, 0, &left, total, 60000, 1);
	eta_count(&e, 0, total, 0);
	CHECK(near(eta_left(&e, e.parts).p50, 30, 0.01));
}

/* It shares a part of how slow they are. */
TEST(a_vacuum_is_slower_where_rows_are_but_less_so)
{
	struct eta e;
	double total = 10000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, 0);
	eta_add_aside(&e, 30, 0.5);
	steady(&e, 0, &left, total, 2 / (8 * guess.each), 10);
	eta_count(&e, 0, total, 0);
	double aside = eta_left(&e, e.parts).p50;
	CHECK(aside > 30 * 2.5 && aside < 30 * 5);
}

TEST(one_row_says_little_about_many)
{
	struct eta e;

	eta_start(&e, 2);
	eta_add(&e, 1, guess, 0);
	eta_add(&e, 100000, guess, 0);
	eta_count(&e, 0, 1, 0);
	eta_pass(&e, &(struct eta_step){ .part = 0,
					 .seconds = 0.2,
					 .units = 1,
					 .own = 1,
					 .busy = 0.2,
					 .batches = 1 });
	/* 2,000 times the guess, most of it the transaction's. */
	CHECK(eta_cost(&e, 1) < 1.5 * guess.each);
}

TEST(parts_that_have_not_begun_count)
{
	struct eta e;
	double total = 10000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, 0);
	eta_add(&e, total, (struct eta_guess){ 200e-6, 0.6 }, 0);
	eta_add_aside(&e, 30, 0);
	steady(&e, 0, &left, total, 500, 10);
	/* This machine is 40 times slower than was thought, so it is at the second part too. */
	CHECK(near(eta_left(&e, e.parts).p50, left / 500 + 2 * total / 500 + 30, 0.15));
	eta_count(&e, 0, total, 0);
	CHECK(near(eta_left(&e, e.parts).p50, 2 * total / 500 + 30, 0.15));
}

TEST(a_slower_pace_is_believed_soon_and_a_short_halt_not_for_long)
{
	struct eta e;
	double total = 1e6, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, 0);
	steady(&e, 0, &left, total, 1000, 300);
	double before = eta_left(&e, e.parts).p50;
	for (int i = 0; i < 20; i++)
		eta_pass(&e, &(struct eta_step){ .seconds = 0.5 });
	CHECK(eta_left(&e, e.parts).p50 < 1.3 * before);
	for (int i = 0; i < 600; i++)
		eta_pass(&e, &(struct eta_step){ .seconds = 0.5,
						 .units = 125,
						 .own = 125,
						 .busy = .25,
						 .batches = 1 });
	CHECK(eta_left(&e, e.parts).p50 > 1.5 * before);
}

TEST(uneven_blocks_widen_the_interval)
{
	struct eta even, uneven;
	double a = 1e5, b = 1e5;

	eta_start(&even, 2);
	eta_start(&uneven, 2);
	eta_add(&even, 1e5, guess, 0);
	eta_add(&uneven, 1e5, guess, 0);
	for (int i = 0; i < 40; i++) {
		steady(&even, 0, &a, 1e5, 500, 1);
		for (int k = 0; k < 2; k++) {
			b -= i % 4 < 2 ? 450 : 50;
			eta_count(&uneven, 0, 1e5, b);
			eta_pass(&uneven, &(struct eta_step){ .seconds = 0.5,
							      .units = i % 4 < 2 ? 450 : 50,
							      .own = i % 4 < 2 ? 450 : 50,
							      .busy = i % 4 < 2 ? 1.8 : 0.2,
							      .batches = 2 });
		}
	}
	struct eta_range x = eta_left(&even, 1), y = eta_left(&uneven, 1);
	CHECK((y.p90 - y.p10) / y.p50 > 1.5 * (x.p90 - x.p10) / x.p50);
}

TEST(what_is_shown_does_not_flicker)
{
	struct eta e;

	eta_start(&e, 2);
	struct eta_range r = eta_show(&e, (struct eta_range){ 90, 100, 110 }, 10, 1);
	CHECK(r.p50 == 100);
	r = eta_show(&e, (struct eta_range){ 88, 98, 110 }, 13, 1);
	CHECK(near(r.p50, 97, 1e-9)); /* three seconds have passed, and no news */
	r = eta_show(&e, (struct eta_range){ 110, 120, 130 }, 14, 1);
	CHECK(r.p50 == 120);
	r = eta_show(&e, (struct eta_range){ 109, 119, 129 }, 14, 2); /* it is slowed now */
	CHECK(r.p50 == 119);
	r = eta_show(&e, (struct eta_range){ 0, 0, 0 }, 14, 2);
	CHECK(r.p50 == 0);
}

/* Clocks that jump, counts that grow and shrink, others that work, numbers that are none. */
TEST(no_input_gives_nonsense)
{
	uint64_t seed = 7;
	struct eta e;

	for (int round = 0; round < 200; round++) {
		eta_start(&e, round % 3 ? 2 : NAN);
		for (int i = 0; i < 300; i++) {
			double x[8];
			for (int k = 0; k < 8; k++) {
				seed = seed * 6364136223846793005U + 1442695040888963407U;
				unsigned dice = (unsigned)(seed >> 33);
				x[k] = dice % 41 == 0	? NAN
				       : dice % 37 == 0 ? -INFINITY
				       : dice % 31 == 0 ? 1e300
							: (double)(dice % 2000) - 50;
			}
			if (i % 40 == 0)
				eta_add(&e, x[0], (struct eta_guess){ x[1], x[2] }, x[3]);
			if (i % 90 == 0)
				eta_add_aside(&e, x[0], x[1]);
			int part = i % e.parts;
			eta_count(&e, part, x[4], x[5]);
			eta_pass(&e, &(struct eta_step){ part, x[0], x[1], x[2], x[3], i % 5 });
			struct eta_range r = eta_left(&e, e.parts);
			if (!CHECK(sane(r)) || !CHECK(sane(eta_show(&e, r, x[6], i % 7 == 0))))
				return;
		}
	}
}

TAP_MAIN(row(something_is_said_before_anything_is_seen), row(a_steady_run_gives_the_right_end),
	 row(the_first_rows_are_not_the_rest), row(a_cold_beginning_is_not_the_rest),
	 row(a_vacuum_is_not_quicker_because_rows_are),
	 row(a_vacuum_is_slower_where_rows_are_but_less_so), row(one_row_says_little_about_many),
	 row(parts_that_have_not_begun_count),
	 row(a_slower_pace_is_believed_soon_and_a_short_halt_not_for_long),
	 row(uneven_blocks_widen_the_interval), row(what_is_shown_does_not_flicker),
	 row(no_input_gives_nonsense))
