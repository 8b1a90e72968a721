/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The throttle in worlds made for it: what others feel it slows down for, how soon, and that it
 * comes back. */
#include "tests/harness/tap.h"
#include "tests/pace/world.h"

TEST(alone_it_is_at_full_speed_from_the_first_look_on)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	CHECK(w.c.now.duty == 0.02);
	pass(&w, tick);
	CHECK(w.c.now.duty == 1);
	CHECK(w.c.now.reason == SLOW_NONE && strcmp(words(&w), "") == 0);
	CHECK(w.c.now.target == 0.05);
	pass(&w, 100);
	CHECK(w.worked > 0.98 * w.t);
}

TEST(somebody_at_the_first_look_makes_it_begin_with_care)
{
	for (int i = 0; i < 3; i++) {
		struct world w;
		begin(&w, PROFILE_DEFAULT);
		w.s.busy = i == 0 ? BUSY_UNKNOWN : i == 1 ? BUSY_YES : BUSY_VERY;
		pass(&w, tick);
		CHECK(w.c.now.duty <= 0.1);
		w.s.busy = BUSY_NO;
		pass(&w, tick);
		CHECK(w.c.now.duty <= 0.1);
		CHECK(until_at_least(&w, 1, 10) <= 4.5);
	}
}

TEST(who_comes_just_after_the_first_look_is_noticed)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, tick);
	w.s.busy = BUSY_YES;
	CHECK(until_at_most(&w, 0.2, 10) <= 0.75);
	begin(&w, PROFILE_DEFAULT);
	pass(&w, tick);
	w.s.busy = BUSY_VERY;
	pass(&w, tick);
	CHECK(w.c.now.duty <= 0.2);
}

TEST(others_come_and_go)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	w.s.busy = BUSY_YES;
	CHECK(until_at_most(&w, 0.2, 10) <= 1);
	CHECK(w.c.now.reason == SLOW_SEEKING && w.c.now.target == 0.005);
	w.s.busy = BUSY_NO;
	CHECK(until_at_least(&w, 1, 60) <= 5);
	w.s.busy = BUSY_VERY;
	pass(&w, tick);
	CHECK(w.c.now.duty <= 0.2);
	/* A heartbeat now and then is nobody. */
	w.s.busy = BUSY_NO;
	pass(&w, 10);
	for (int i = 0; i < 40; i++) {
		w.s.busy = i % 4 == 0 ? BUSY_YES : BUSY_NO;
		pass(&w, tick);
		CHECK(w.c.now.duty == 1);
	}
}

TEST(what_nobody_feels_speeds_up)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	w.s.busy = BUSY_YES;
	CHECK(until_at_least(&w, 0.9, 300) <= 90);
	pass(&w, 600);
	CHECK(w.c.now.duty >= 0.8);
}

TEST(what_is_felt_slows_down)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	w.s.busy = BUSY_YES;
	w.met = 0.020; /* ten times as long */
	pass(&w, 1200);
	CHECK(w.c.now.reason == SLOW_LATENCY && strstr(words(&w), "ms that they may"));
	double before = w.worked, from = w.t;
	pass(&w, 600);
	CHECK((w.worked - before) / (w.t - from) <
	      0.06); /* of a hundred requests about one meets a batch */
	CHECK(w.c.lost[SLOW_LATENCY] > 500);
	/* It passes, and what was learned is forgotten by and by. */
	w.met = w.free;
	CHECK(until_at_least(&w, 0.5, 3600) < 1800);
}

/* A morning comes: that they fare otherwise without us is no work of ours, and is soon known. */
TEST(others_that_become_more_are_not_laid_to_us)
{
	for (int kind = REQUEST_SQL; kind <= REQUEST_LOGGED; kind++) {
		struct world w;
		begin(&w, PROFILE_DEFAULT);
		w.s.busy = BUSY_YES;
		w.web = (enum request)kind;
		w.free = w.met = 0.0005;
		w.web_free = w.web_met = 0.030;
		pass(&w, 600);
		CHECK(w.c.now.duty >= 0.8);
		w.free = w.met = 0.0015;
		w.web_free = w.web_met = 0.050;
		pass(&w, 30);
		CHECK(until_at_least(&w, 0.5, 3600) <= (kind == REQUEST_SQL ? 5 : 330));
		/* And back: what is too much is too much. */
		w.free = w.met = 0.0005;
		w.web_free = w.web_met = 0.030;
		pass(&w, 60);
		w.met = 0.005;
		CHECK(until_at_most(&w, 0.2, 300) <= 10);
	}
}

/* Pulp itself is asked once a second: few answers, and all the same they count.  So do users' own.
 */
TEST(answers_of_pulp_that_get_slower_slow_down)
{
	static const char *const whose[] = {
		[REQUEST_STATUS] = "answers of Pulp's status would",
		[REQUEST_CONTENT] = "answers of Pulp's content would",
		[REQUEST_LOGGED] = "requests in throttle.access_log would",
	};

	for (int kind = REQUEST_STATUS; kind <= REQUEST_LOGGED; kind++) {
		struct world w;
		begin(&w, PROFILE_DEFAULT);
		w.s.busy = BUSY_YES;
		w.web = (enum request)kind;
		w.web_free = w.web_met = 0.050;
		pass(&w, 600);
		CHECK(w.c.now.duty >= 0.8);
		w.web_met = 0.200;
		pass(&w, 600);
		CHECK(w.c.now.duty < 0.4 && w.c.now.reason == SLOW_LATENCY);
		CHECK(strstr(words(&w), whose[kind]));
		w.web_met = 0.050;
		CHECK(until_at_least(&w, 0.5, 3600) < 1800);
	}
}

TEST(gentle_is_slower_than_fast)
{
	double worked[3];

	for (int p = PROFILE_GENTLE; p <= PROFILE_FAST; p++) {
		struct world w;
		begin(&w, (enum profile)p);
		w.s.busy = BUSY_YES;
		w.free = 0.020;
		w.met = 0.0255;
		pass(&w, 1800);
		worked[p] = w.worked;
	}
	CHECK(worked[PROFILE_GENTLE] <= worked[PROFILE_DEFAULT]);
	CHECK(worked[PROFILE_DEFAULT] < worked[PROFILE_FAST]);
}

TEST(clocks_that_jump_change_nothing)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	pass(&w, 10);
	set(&w, SIGNAL_LAG_TIME, 30);
	pass(&w, 1);
	w.t -= 3600;
	set(&w, SIGNAL_LAG_TIME, 0);
	pass(&w, 12);
	CHECK(w.c.now.duty == 1);
	w.t += 7200;
	pass(&w, 1);
	CHECK(w.c.now.duty == 1);
	CHECK(w.c.t < 40);
}

TEST(user_has_the_last_word)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	w.s.max_duty = 0.3;
	pass(&w, 100);
	CHECK(w.c.now.duty == 0.3 && w.c.now.reason == SLOW_USER);
}

TEST(finalize_keeps_only_what_stops_it)
{
	struct world w;

	begin(&w, PROFILE_FINALIZE);
	w.s.busy = BUSY_VERY;
	w.met = 0.050;
	set(&w, SIGNAL_LAG_TIME, 5);
	w.s.of[SIGNAL_REDIS].state = SIGNAL_UNKNOWN;
	pass(&w, 60);
	CHECK(w.c.now.duty == 1 && w.c.now.reason == SLOW_NONE && w.c.now.target == 0.05);
	set(&w, SIGNAL_LAG_TIME, 11);
	pass(&w, 1);
	CHECK(w.c.now.duty == 0 && w.c.now.reason == SLOW_HALT);
	/* In the middle of a run it may become another, and at once. */
	set(&w, SIGNAL_LAG_TIME, 0);
	pass(&w, 20);
	CHECK(w.c.now.duty == 1);
	w.s.profile = PROFILE_GENTLE;
	pass(&w, tick);
	CHECK(w.c.now.duty <= 0.25);
}

static double limit_of_requests(bool yields)
{
	struct world w;

	begin(&w, PROFILE_DEFAULT);
	w.s.busy = BUSY_VERY;
	w.s.yields = yields;
	pass(&w, 120);
	return w.c.seek.felt[REQUEST_SQL].limit - w.c.seek.felt[REQUEST_SQL].seen;
}

/* Its strides are large, so the goal itself would be overrun: 2 ms, and a fifth less. */
TEST(who_yields_aims_below_the_goal)
{
	CHECK(fabs(limit_of_requests(false) - 0.002) < 1e-9);
	CHECK(fabs(limit_of_requests(true) - 0.0016) < 1e-9);
}

TAP_MAIN(row(alone_it_is_at_full_speed_from_the_first_look_on),
	 row(somebody_at_the_first_look_makes_it_begin_with_care),
	 row(who_comes_just_after_the_first_look_is_noticed), row(others_come_and_go),
	 row(what_nobody_feels_speeds_up), row(what_is_felt_slows_down),
	 row(others_that_become_more_are_not_laid_to_us),
	 row(answers_of_pulp_that_get_slower_slow_down), row(gentle_is_slower_than_fast),
	 row(clocks_that_jump_change_nothing), row(user_has_the_last_word),
	 row(finalize_keeps_only_what_stops_it), row(who_yields_aims_below_the_goal))
