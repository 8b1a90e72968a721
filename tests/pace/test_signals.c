/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signals at their limits: what slows in proportion, what stops the work, and when it goes on. */
#include "tests/harness/tap.h"
#include "tests/pace/world.h"

TEST(soft_limits_slow_in_proportion)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	set(&w, SIGNAL_LAG_TIME, 1);
	pass(&w, 1);
	CHECK(w.c.now.duty == 1);
	set(&w, SIGNAL_LAG_TIME, 5.5);
	pass(&w, 1);
	CHECK(fabs(w.c.now.duty - 0.5) < 1e-9 && w.c.now.reason == SLOW_SIGNAL);
	CHECK_STR(words(&w), "a standby is 5.5 s behind");
	set(&w, SIGNAL_LOCK_WAIT, 410);
	pass(&w, 1);
	CHECK_STR(words(&w), "another session waited 410 ms for a lock of ours");
	CHECK(w.c.lost_to[SIGNAL_LAG_TIME] > 0 && w.c.lost_to[SIGNAL_LOCK_WAIT] > 0);
	set(&w, SIGNAL_LAG_TIME, 0);
	set(&w, SIGNAL_LOCK_WAIT, 0);
	pass(&w, 1);
	CHECK(w.c.now.duty == 1);
}

TEST(own_pressure_alone_is_no_reason)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	set(&w, SIGNAL_CPU, 0.9);
	set(&w, SIGNAL_IO, 0.5);
	pass(&w, 5);
	CHECK(w.c.now.duty == 1);
	w.s.busy = BUSY_VERY;
	pass(&w, 1);
	CHECK(w.c.now.duty <= 0.25);
	/* Nor is that of others one to stop: they may press all day, and feel nothing of us. */
	pass(&w, 120);
	CHECK(w.c.now.duty == 0.25 && w.c.now.reason == SLOW_SIGNAL && w.c.now.signal == SIGNAL_IO);
	CHECK_STR(words(&w), "all tasks wait for the disk 50 % of the time");
}

TEST(hard_limits_stop_until_it_is_calm)
{
	struct world w;

	begin(&w, PROFILE_FAST);
	pass(&w, 10);
	set(&w, SIGNAL_LAG_TIME, 30);
	pass(&w, tick);
	CHECK(w.c.now.duty > 0); /* one sample may be chance */
	pass(&w, tick);
	CHECK(w.c.now.duty == 0 && w.c.now.reason == SLOW_HALT);
	set(&w, SIGNAL_LAG_TIME, 8); /* below, but not calm */
	pass(&w, 60);
	CHECK(w.c.now.duty == 0);
	set(&w, SIGNAL_LAG_TIME, 0);
	pass(&w, 9);
	CHECK(w.c.now.duty == 0);
	pass(&w, 3);
	CHECK(w.c.now.duty == 1);
	set(&w, SIGNAL_ARCHIVER, 1); /* no chance about that */
	pass(&w, tick);
	CHECK(w.c.now.duty == 0);
	CHECK_STR(words(&w), "the WAL archiver fails");
}

/* How often the work goes off or on while a signal is now above its hard limit and now below, each
 * for so long. */
static int turns(double over, double under, bool under_first, double each)
{
	struct world w;
	int n = 0;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	bool works = true;
	for (int i = 0; i < 240; i++) {
		set(&w, SIGNAL_LAG_TIME, i % 2 == under_first ? over : under);
		for (double end = w.t + each; w.t < end;) {
			pass(&w, tick);
			bool now = w.c.now.duty > 0;
			n += now != works;
			works = now;
		}
	}
	CHECK(!works);
	/* It is over when it has been calm for so long. */
	set(&w, SIGNAL_LAG_TIME, 0);
	CHECK(until_at_least(&w, 1, 60) <= usual_calm + tick);
	return n;
}

/* Just over and just under, or over and calm for a moment: it stops once, and does not go on with
 * each second that is better, whichever came first. */
TEST(a_signal_that_flips_at_its_limit_stops_the_work_once)
{
	for (int under_first = 0; under_first < 2; under_first++) {
		CHECK_INT(turns(10.1, 9.9, under_first, 1), 1);
		CHECK_INT(turns(10.1, 6.9, under_first, 1), 1);
		CHECK_INT(turns(10.1, 0, under_first, 1), 1);
		CHECK_INT(turns(10.1, 0, under_first, usual_calm - 1), 1);
	}
}

/* No two samples in a row are over: it does not stop, and as good as nothing is done. */
TEST(a_signal_that_flips_with_each_sample_slows_all_the_same)
{
	for (int first = 0; first < 2; first++) {
		struct world w;
		begin(&w, PROFILE_DEFAULT);
		pass(&w, 10);
		for (int i = 0; i < 240; i++) {
			set(&w, SIGNAL_LAG_TIME, i % 2 == first ? 10.1 : 9.9);
			pass(&w, tick);
			CHECK(w.c.now.duty == 0.02);
		}
	}
}

TEST(how_long_it_has_to_be_calm_is_said)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	w.s.calm = 2;
	pass(&w, 10);
	set(&w, SIGNAL_ARCHIVER, 1);
	pass(&w, tick);
	CHECK(w.c.now.duty == 0);
	set(&w, SIGNAL_ARCHIVER, 0);
	pass(&w, 1.5);
	CHECK(w.c.now.duty == 0);
	pass(&w, 1);
	CHECK(w.c.now.duty == 1);
	/* Not at all: then at once when it has passed, and no sooner. */
	w.s.calm = 0;
	set(&w, SIGNAL_ARCHIVER, 1);
	for (int i = 0; i < 20; i++) {
		pass(&w, tick);
		CHECK(w.c.now.duty == 0);
	}
	set(&w, SIGNAL_ARCHIVER, 0);
	pass(&w, tick);
	CHECK(w.c.now.duty == 1);
}

/* Twice as much as is still needed has to be free, so half of what is free is the limit. */
TEST(room_for_what_is_still_to_come)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	set(&w, SIGNAL_ROOM, 0.39);
	pass(&w, 10);
	CHECK(w.c.now.duty == 1);
	set(&w, SIGNAL_ROOM, 0.45);
	pass(&w, tick);
	CHECK(fabs(w.c.now.duty - 0.5) < 1e-9);
	set(&w, SIGNAL_ROOM, 0.52);
	pass(&w, tick);
	CHECK(w.c.now.duty == 0 && w.c.now.reason == SLOW_HALT);
	CHECK_STR(words(&w), "the database will still grow by 52 % of what its disk has free");
	w.s.profile = PROFILE_FINALIZE;
	pass(&w, 60);
	CHECK(w.c.now.duty == 0);
	set(&w, SIGNAL_ROOM, 0.3);
	pass(&w, 12);
	CHECK(w.c.now.duty == 1);
}

TEST(what_does_not_pass_is_left_alone_for_longer)
{
	struct world w;
	double back[8];

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	for (size_t i = 0; i < 8; i++) {
		set(&w, SIGNAL_LAG_TIME, 30);
		pass(&w, 1);
		set(&w, SIGNAL_LAG_TIME, 0);
		back[i] = until_at_least(&w, 0.05, 10000);
	}
	CHECK(back[0] < 12 && back[2] < 12);
	CHECK(back[3] >= 299 && back[3] < 302);
	set(&w, SIGNAL_LAG_TIME, 30);
	pass(&w, 1);
	CHECK(controller_hibernates(&w.c));
	for (size_t i = 0; i < 8; i++)
		CHECK(back[i] < 3700);
}

TEST(unknown_is_not_good_news)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	w.s.of[SIGNAL_LAG_TIME].state = SIGNAL_UNKNOWN;
	pass(&w, 1);
	CHECK(w.c.now.duty == 0.25 && w.c.now.reason == SLOW_UNKNOWN);
	CHECK(strstr(words(&w), "pg_monitor"));
	set(&w, SIGNAL_LAG_TIME, NAN);
	pass(&w, 1);
	CHECK(w.c.now.duty == 0.25);
	/* Too old. */
	set(&w, SIGNAL_LAG_TIME, 0);
	for (int i = 0; i < 20; i++) {
		w.t += tick;
		controller_step(&w.c, &w.s, w.t);
	}
	CHECK(w.c.now.duty == 0.25 && w.c.now.reason == SLOW_UNKNOWN);
	/* What stopped us can no longer be seen: it waits longer, not for ever. */
	set(&w, SIGNAL_LAG_TIME, 100);
	pass(&w, 1);
	CHECK(w.c.now.duty == 0);
	w.s.of[SIGNAL_LAG_TIME].state = SIGNAL_UNKNOWN;
	pass(&w, 50);
	CHECK(w.c.now.duty == 0);
	pass(&w, 20);
	CHECK(w.c.now.duty == 0.25);
}

TAP_MAIN(row(soft_limits_slow_in_proportion), row(own_pressure_alone_is_no_reason),
	 row(hard_limits_stop_until_it_is_calm),
	 row(a_signal_that_flips_at_its_limit_stops_the_work_once),
	 row(a_signal_that_flips_with_each_sample_slows_all_the_same),
	 row(how_long_it_has_to_be_calm_is_said), row(room_for_what_is_still_to_come),
	 row(what_does_not_pass_is_left_alone_for_longer), row(unknown_is_not_good_news))
