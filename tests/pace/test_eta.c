/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the forecast promises: never nonsense, and the right end when the world is as it seems. */
#include "lib/pace/eta.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <stdint.h>

static const struct eta_guess guess = { 100e-6, 0.6, false, 0 };
static const struct eta_firsts none = { 0, 0 };

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
	eta_add(&e, 100000, guess, none);
	struct eta_range r = eta_left(&e, e.parts);
	CHECK(sane(r) && near(r.p50, 5, 0.01));
	CHECK(r.p90 > 1.5 * r.p50);
}

TEST(a_steady_run_gives_the_right_end)
{
	struct eta e;
	double total = 100000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
	for (int i = 1; i <= 80; i++) {
		steady(&e, 0, &left, total, 2000, 0.5);
		if (i < 10)
			continue;
		CHECK(near(eta_left(&e, e.parts).p50, left / 2000, 0.05));
	}
	struct eta_range r = eta_left(&e, e.parts);
	CHECK(r.p90 < 1.25 * r.p50 && r.p10 > 0.8 * r.p50);
}

/* Two workers, always busy; so many of the rows are first ones, which cost as much beside. */
static void with_firsts(struct eta *e, double *left, double total, double each, double firsts,
			double first)
{
	double units = fmin(1 / (each + firsts * first), *left), n = firsts * units;

	*left -= units;
	eta_count(e, 0, total, *left);
	eta_pass(e, &(struct eta_step){ .part = 0,
					.seconds = 0.5,
					.units = units,
					.own = units,
					.firsts = n,
					.busy = 1,
					.batches = 4 });
}

TEST(first_rows_are_not_the_rest)
{
	struct eta e;
	double total = 100000, left = total, each = 500e-6;

	/* As was thought, but on a machine that is five times slower. */
	eta_start(&e, 2);
	eta_add(&e, total, guess, (struct eta_firsts){ 5000, 3 });
	while (left > 95000) {
		with_firsts(&e, &left, total, each, 1, 3 * each);
		double firsts = fmax(left - 95000, 0), rest = (left + 3 * firsts) * each / 2;
		eta_count_firsts(&e, 0, firsts);
		/* Until others are seen, nobody knows whether all are dear or only these. */
		double said = eta_left(&e, e.parts).p50;
		CHECK(said > 0.2 * rest && said < 1.1 * rest);
	}
	for (int i = 0; i < 12; i++)
		with_firsts(&e, &left, total, each, 0, 0);
	CHECK(near(eta_left(&e, e.parts).p50, left * each / 2, 0.1));
}

TEST(a_cold_beginning_is_not_the_rest)
{
	/* As recorded of detach from a cold disk and from memory, by tenths of the first ones:
	 * times what a row costs. */
	static const double tenths[][10] = {
		{ 27.4, 17.4, 6.7, 4.9, 3.3, 2.8, 5.3, 3.9, 0.3, 4.0 },
		{ 13.9, 9.4, 3.5, 4.6, 2.9, 3.0, 5.2, 2.6, 1.1, 5.0 },
		{ 5.9, 5.8, 1.7, 3.1, 3.1, 2.0, 5.5, 2.6, 0.7, 5.2 },
	};

	for (size_t k = 0; k < sizeof(tenths) / sizeof(tenths[0]); k++) {
		struct eta e;
		double total = 150000, left = total, each = 500e-6, firsts = 20000;

		eta_start(&e, 2);
		eta_add(&e, total, (struct eta_guess){ 550e-6, 0.26, false, 0 },
			(struct eta_firsts){ firsts, 2.9 });
		for (int t = 0; t < 10; t++) {
			for (double from = left; left > from - firsts / 10 + 1;)
				with_firsts(&e, &left, total, each, 1, tenths[k][t] * each);
			double rest = left;
			for (int i = t + 1; i < 10; i++)
				rest += tenths[k][i] * firsts / 10;
			eta_count_firsts(&e, 0, firsts * (9 - t) / 10);
			CHECK(near(eta_left(&e, e.parts).p50, rest * each / 2, 0.25));
		}
	}
}

/* As recorded from a cold disk, seven batches at 225 us a row in the first half second and then
 * 115; and where all are as dear as the first. */
TEST(the_first_batches_are_not_the_rest)
{
	static const double rest[] = { 115e-6, 225e-6 };

	for (size_t k = 0; k < sizeof(rest) / sizeof(rest[0]); k++) {
		struct eta e;
		double total = 100000, left = total;

		eta_start(&e, 1.86);
		eta_add(&e, total, (struct eta_guess){ 130e-6, 0.3, true, 95e-6 }, none);
		eta_add(&e, total, (struct eta_guess){ 60e-6, 0.26, false, 60e-6 }, none);
		for (int i = 0; i < 4; i++) {
			double units = i > 0 ? 0.92 / rest[k] : 3500;
			eta_count(&e, 0, total, left -= units);
			eta_pass(&e, &(struct eta_step){ .seconds = 0.5,
							 .units = units,
							 .own = units,
							 .busy = i > 0 ? 0.92 : 0.79,
							 .batches = (int)(units / 500) });
			bool told = k == 0 || i > 0;
			CHECK(!told || near(eta_left(&e, 1).p50, left * rest[k] / 1.84, 0.2));
			/* The others are not thought to be slower by it either. */
			CHECK(k > 0 || eta_cost(&e, 1) < 75e-6);
		}
	}
}

/* As recorded since a window begins with its first ones: they fade to the same, from wherever. */
TEST(early_rows_tell_how_early_ones_are)
{
	static const double early[] = { 3, 6, 12, 35 }; /* times what a row costs */

	for (size_t k = 0; k < sizeof(early) / sizeof(early[0]); k++) {
		struct eta e;
		double total = 100000, left = total, each = 55e-6, firsts = 13000, tenth[10];

		for (int t = 0; t < 10; t++)
			tenth[t] = 1.5 + early[k] * exp(-(t + 0.5) / 10 / 0.23);
		eta_start(&e, 2);
		eta_add(&e, total, (struct eta_guess){ 60e-6, 0.26, false, 0 },
			(struct eta_firsts){ firsts, 2.9 });
		for (int t = 0; t < 9; t++) {
			for (double from = left; left > from - firsts / 10 + 1;)
				with_firsts(&e, &left, total, each, 1, tenth[t] * each);
			double rest = left;
			for (int i = t + 1; i < 10; i++)
				rest += tenth[i] * firsts / 10;
			eta_count_firsts(&e, 0, firsts * (9 - t) / 10);
			/* From a cold disk it is doubted for a while whether all are as dear. */
			CHECK(near(eta_left(&e, e.parts).p50, rest * each / 2,
				   early[k] > 20 ? 0.4 : 0.25));
		}
	}
}

/* What a sample waited for files may be in memory by now. */
TEST(who_reads_no_files_is_not_quicker_because_less_is_waited)
{
	for (double waits = 0; waits < 1; waits += 0.25) {
		struct eta e;
		double left = 100000;

		eta_start(&e, 1);
		eta_add(&e, left, (struct eta_guess){ 100e-6, 0.6, true, 0 }, none);
		eta_add(&e, left, guess, none);
		for (int i = 0; i < 20; i++) {
			eta_count(&e, 0, 100000, left -= 5000);
			eta_pass(&e, &(struct eta_step){ .seconds = 0.5,
							 .units = 5000,
							 .own = 5000,
							 .busy = 0.5,
							 .batches = 10,
							 .waited = 0.5 * waits });
		}
		CHECK(near(eta_left(&e, e.parts).p50, 10, 0.02));
	}
}

/* A sample of the second part was disturbed, or of a quicker moment; the first is as usual. */
TEST(parts_are_thought_to_keep_their_usual_ratio)
{
	static const struct {
		double each, least, most;
	} table[] = { { 60e-6, 57e-6, 63e-6 }, { 120e-6, 70e-6, 95e-6 }, { 30e-6, 38e-6, 52e-6 } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct eta e;
		double total = 100000, left = total;

		eta_start(&e, 2);
		eta_add(&e, total, (struct eta_guess){ 130e-6, 0.26, true, 95e-6 }, none);
		eta_add(&e, total, (struct eta_guess){ table[i].each, 0.26, false, 60e-6 }, none);
		steady(&e, 0, &left, total, 2 / 95e-6, 5);
		eta_count(&e, 0, total, 0);
		double each = eta_left(&e, e.parts).p50 * 2 / total;
		CHECK(each > table[i].least && each < table[i].most);
	}
}

/* From a cold disk: 128 us a row, of which half is waiting, and then 60 and more as was measured.
 */
TEST(rows_that_mostly_waited_say_little_of_others)
{
	struct eta e;
	double total = 100000, left = total, each[2];

	for (int waits = 0; waits < 2; waits++) {
		eta_start(&e, 2);
		eta_add(&e, total, (struct eta_guess){ 130e-6, 0.3, true, 95e-6 }, none);
		eta_add(&e, total, (struct eta_guess){ 60e-6, 0.26, false, 60e-6 }, none);
		left = total;
		for (int i = 0; i < 10; i++) {
			double units = waits ? 0.92 / 128e-6 : 0.92 / 58e-6;
			eta_count(&e, 0, total, left = fmax(left - units, 0));
			eta_pass(&e, &(struct eta_step){ .seconds = 0.5,
							 .units = units,
							 .own = units,
							 .busy = 0.92,
							 .waited = waits * 0.55 * 0.92,
							 .batches = 15 });
		}
		each[waits] = eta_cost(&e, 1);
	}
	CHECK(each[0] < 51e-6); /* as quick without it: then so are they */
	CHECK(each[1] > 52e-6);
}

TEST(what_was_measured_is_hardly_moved_by_others)
{
	struct eta e;
	double total = 100000, left = total;

	/* Rows of the first part are twice as dear as was seen of a sample, those of the other are
	 * not. */
	eta_start(&e, 2);
	eta_add(&e, total, (struct eta_guess){ 100e-6, 0.25, true, 0 }, none);
	eta_add(&e, total, (struct eta_guess){ 100e-6, 0.25, false, 0 }, none);
	steady(&e, 0, &left, total, 10000, 5);
	eta_count(&e, 0, total, 0);
	double said = eta_left(&e, e.parts).p50;
	CHECK(said > 5 && said < 6.5);
}

TEST(a_vacuum_is_not_quicker_because_rows_are)
{
	struct eta e;
	double total = 10000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
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
	eta_add(&e, total, guess, none);
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
	eta_add(&e, 1, guess, none);
	eta_add(&e, 100000, guess, none);
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

/* A brake, a trigger, a disk that fails: no guess is near. */
TEST(a_few_that_are_as_dear_beyond_all_guesses_are_believed)
{
	for (double each = 1e-3; each < 10; each *= 10) {
		struct eta e;
		double left = 800;

		eta_start(&e, 2);
		eta_add(&e, 800, guess, (struct eta_firsts){ 20, 2 });
		for (int i = 0; i < 6; i++) {
			eta_count(&e, 0, 800, --left);
			eta_pass(&e, &(struct eta_step){ .seconds = each,
							 .units = 1,
							 .own = 1,
							 .busy = each,
							 .batches = 1 });
		}
		CHECK(eta_left(&e, e.parts).p50 > 0.3 * left * each);
		CHECK(eta_left(&e, e.parts).p50 < 2 * left * each);
	}
}

TEST(files_that_are_slow_to_read_are_no_slow_machine)
{
	struct eta e;
	double total = 10000, left = total;

	eta_start(&e, 2);
	struct eta_guess reads = { guess.each, guess.doubt, true, 0 };

	eta_add(&e, total, reads, none);
	eta_add(&e, total, guess, none);
	eta_add(&e, total, reads, none);
	for (int i = 0; i < 20; i++) {
		left -= 250;
		eta_count(&e, 0, total, left);
		/* 4 ms a row, of which 3.9 on its file. */
		eta_pass(&e, &(struct eta_step){ .part = 0,
						 .seconds = 0.5,
						 .units = 250,
						 .own = 250,
						 .busy = 1,
						 .waited = 0.975,
						 .batches = 4 });
	}
	CHECK(near(eta_left(&e, 1).p50, left * 4e-3 / 2, 0.1));
	CHECK(near(eta_left(&e, 2).p50, (left * 4e-3 + total * guess.each) / 2, 0.1));
	/* But they are, where others are read. */
	CHECK(eta_left(&e, 3).p50 > total * 2e-3 / 2);
}

TEST(parts_that_have_not_begun_count)
{
	struct eta e;
	double total = 10000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
	eta_add(&e, total, (struct eta_guess){ 200e-6, 0.6, false, 0 }, none);
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
	eta_add(&e, total, guess, none);
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

/* So many seconds in which two workers get only so much of the time. */
static void slowed(struct eta *e, double *left, double total, double pace, double seconds)
{
	e->slowed = true;
	for (double t = 0; t < seconds; t += 0.5) {
		*left -= 0.5 * pace * 10000;
		eta_count(e, 0, total, *left);
		eta_pass(e, &(struct eta_step){ .part = 0,
						.seconds = 0.5,
						.units = 0.5 * pace * 10000,
						.own = 0.5 * pace * 10000,
						.busy = 0.5 * pace,
						.batches = 1 });
	}
}

TEST(others_who_come_are_thought_to_stay_as_long_again)
{
	struct eta e;
	double total = 1000000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
	steady(&e, 0, &left, total, 20000, 10);
	slowed(&e, &left, total, 0.1, 10);
	/* 10 s more at a twentieth of the speed, or some more, and not all of it */
	double own = left / 20000, told = eta_left(&e, e.parts).p50;
	CHECK(told > own + 8 && told < own + 25);
	/* They have left: it is as quick as before. */
	e.slowed = false;
	CHECK(near(eta_left(&e, e.parts).p50, own, 0.1));
	steady(&e, 0, &left, total, 20000, 3);
	CHECK(near(eta_left(&e, e.parts).p50, left / 20000, 0.1));
}

TEST(others_who_have_always_been_there_stay)
{
	struct eta e;
	double total = 1000000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
	slowed(&e, &left, total, 0.5, 80);
	CHECK(near(eta_left(&e, e.parts).p50, left / 5000, 0.15));
}

TEST(others_who_come_and_go_will_do_so_again)
{
	struct eta e;
	double total = 10000000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
	for (int i = 0; i < 20; i++) {
		e.slowed = false;
		steady(&e, 0, &left, total, 20000, 10);
		slowed(&e, &left, total, 0.5, 10);
	}
	CHECK(near(eta_left(&e, e.parts).p50, left / 12500, 0.15));
	e.slowed = false;
	CHECK(near(eta_left(&e, e.parts).p50, left / 12500, 0.15));
}

static double width(const struct eta *e)
{
	struct eta_range r = eta_left(e, e->parts);

	return log(r.p90 / r.p10);
}

TEST(others_widen_the_interval_by_how_soon_they_may_come)
{
	struct eta e;
	double total = 500000, left = total;

	eta_start(&e, 2);
	eta_add(&e, total, guess, none);
	steady(&e, 0, &left, total, 20000, 20);
	double alone = width(&e);
	e.moods = true;
	double short_time = width(&e);
	eta_count(&e, 0, 8 * total, 8 * total);
	double long_time = width(&e);
	eta_count(&e, 0, total, left);
	e.slowed = true;
	CHECK(short_time > alone);
	CHECK(long_time > 1.2 * short_time);
	CHECK(width(&e) > 1.2 * short_time);
}

TEST(uneven_blocks_widen_the_interval)
{
	struct eta even, uneven;
	double a = 1e5, b = 1e5;

	eta_start(&even, 2);
	eta_start(&uneven, 2);
	eta_add(&even, 1e5, guess, none);
	eta_add(&uneven, 1e5, guess, none);
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
				eta_add(&e, x[0], (struct eta_guess){ x[1], x[2], i % 2, x[5] },
					(struct eta_firsts){ x[3], x[7] });
			if (i % 90 == 0)
				eta_add_aside(&e, x[0], x[1]);
			int part = i % e.parts;
			eta_count(&e, part, x[4], x[5]);
			if (i % 3 == 0)
				eta_count_firsts(&e, part, x[7]);
			e.slowed = i % 11 > 7;
			eta_pass(&e, &(struct eta_step){ part, x[0], x[1], x[2], x[6], x[3], i % 5,
							 x[6], x[7] });
			struct eta_range r = eta_left(&e, e.parts);
			if (!CHECK(sane(r)) || !CHECK(sane(eta_show(&e, r, x[6], i % 7 == 0))))
				return;
		}
	}
}

TAP_MAIN(row(something_is_said_before_anything_is_seen), row(a_steady_run_gives_the_right_end),
	 row(first_rows_are_not_the_rest), row(a_cold_beginning_is_not_the_rest),
	 row(the_first_batches_are_not_the_rest), row(early_rows_tell_how_early_ones_are),
	 row(who_reads_no_files_is_not_quicker_because_less_is_waited),
	 row(parts_are_thought_to_keep_their_usual_ratio),
	 row(rows_that_mostly_waited_say_little_of_others),
	 row(what_was_measured_is_hardly_moved_by_others),
	 row(a_vacuum_is_not_quicker_because_rows_are),
	 row(a_vacuum_is_slower_where_rows_are_but_less_so), row(one_row_says_little_about_many),
	 row(a_few_that_are_as_dear_beyond_all_guesses_are_believed),
	 row(files_that_are_slow_to_read_are_no_slow_machine), row(parts_that_have_not_begun_count),
	 row(a_slower_pace_is_believed_soon_and_a_short_halt_not_for_long),
	 row(others_who_come_are_thought_to_stay_as_long_again),
	 row(others_who_have_always_been_there_stay), row(others_who_come_and_go_will_do_so_again),
	 row(others_widen_the_interval_by_how_soon_they_may_come),
	 row(uneven_blocks_widen_the_interval), row(what_is_shown_does_not_flicker),
	 row(no_input_gives_nonsense))
