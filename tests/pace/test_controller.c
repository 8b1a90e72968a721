/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The throttle in worlds made for it: what it slows down for, how soon, and that it comes back. */
#include "lib/pace/controller.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <stdint.h>

static const double tick = 0.25; /* seconds between steps */

/* A Pulp that answers in `free` seconds, in `met` when a batch of ours is in the way; one request
 * in a hundred takes three times as long. */
struct world {
	struct controller c;
	struct signals s;
	double t, free, met;
	uint64_t seed;
	double worked;	  /* duty times seconds */
	int looked;	  /* steps of the look of now */
	enum request web; /* asked once a second, too; SQL: none is */
	double web_free, web_met;
};

static double dice(struct world *w)
{
	w->seed = w->seed * 6364136223846793005U + 1442695040888963407U;
	return (double)(w->seed >> 11) / 9007199254740992.0;
}

static void begin(struct world *w, enum profile profile)
{
	*w = (struct world){ .free = 0.002, .met = 0.002, .seed = 7 };
	controller_start(&w->c);
	w->s.profile = profile;
	w->s.max_duty = 1;
	w->s.calm = usual_calm;
	w->s.busy = BUSY_NO;
	w->s.batch = 0.005;
}

static void pass(struct world *w, double seconds)
{
	for (double end = w->t + seconds; w->t < end;) {
		w->t += tick;
		w->s.probes = w->s.busy == BUSY_NO ? 0 : 4;
		for (size_t i = 0; i < w->s.probes; i++) {
			double slow = (0.5 + dice(w)) * (dice(w) < 0.01 ? 3 : 1);
			bool met = !w->c.now.away && dice(w) < w->c.now.duty;
			double us = floor(slow * (met ? w->met : w->free) * 1e6);
			w->s.probe[i] = (struct latency){ us / 1e6, REQUEST_SQL, met };
		}
		/* Once a second, and in each look. */
		w->looked = w->c.now.away ? w->looked + 1 : 0;
		if (w->web != REQUEST_SQL && ((int)(w->t / tick) % 4 == 0 || w->looked == 2)) {
			bool met = !w->c.now.away && dice(w) < w->c.now.duty;
			double us = floor((0.8 + 0.4 * dice(w)) * (met ? w->web_met : w->web_free) *
					  1e6);
			w->s.probe[w->s.probes++] = (struct latency){ us / 1e6, w->web, met };
		}
		for (size_t i = 0; i < SIGNAL_COUNT; i++)
			w->s.of[i].at = w->t;
		controller_step(&w->c, &w->s, w->t);
		w->worked += w->c.now.away ? 0 : tick * w->c.now.duty;
	}
}

static void set(struct world *w, enum signal id, double value)
{
	w->s.of[id] = (struct signal_value){ SIGNAL_KNOWN, value, w->t };
}

/* Until the duty is so high; the seconds that it took, or 1e9. */
static double until_at_least(struct world *w, double duty, double most)
{
	double from = w->t;

	while (w->c.now.duty < duty) {
		if (w->t - from > most)
			return 1e9;
		pass(w, tick);
	}
	return w->t - from;
}

static double until_at_most(struct world *w, double duty, double most)
{
	double from = w->t;

	while (w->c.now.duty > duty) {
		if (w->t - from > most)
			return 1e9;
		pass(w, tick);
	}
	return w->t - from;
}

static const char *words(const struct world *w)
{
	static char out[160];

	decision_in_words(&w->c.now, out, sizeof(out));
	return out;
}

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

TEST(batches_keep_to_their_time)
{
	struct batch_size b = { 0 };
	double per_row = 0.00005; /* 300 rows take 15 ms */
	int rows = 500;

	for (int i = 0; i < 100; i++) {
		batch_size_update(&b, (size_t)rows, 0.001 + rows * per_row, 0.015, 500);
		CHECK(b.rows >= 1 && b.rows <= 500);
		rows = (int)b.rows;
	}
	CHECK(rows > 250 && rows < 310);
	/* A slow row: down, but not below one. */
	for (int i = 0; i < 40; i++) {
		batch_size_update(&b, (size_t)rows, rows * 0.5, 0.015, 500);
		rows = (int)b.rows;
	}
	CHECK_INT(rows, 1);
	for (int i = 0; i < 40; i++) {
		batch_size_update(&b, (size_t)rows, rows * per_row, 0.015, 500);
		rows = (int)b.rows;
	}
	CHECK(rows > 250);
	batch_size_halve(&b);
	CHECK(b.rows >= 125 && b.rows <= 160);
	double before = b.rows;
	batch_size_update(&b, 0, 1, 0.015, 500);
	batch_size_update(&b, 10, NAN, 0.015, 500);
	batch_size_update(&b, 10, -1, 0.015, 500);
	CHECK(b.rows == before);
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

/* Its strides are large, so the goal itself would be overrun: 2 ms, and 0.8. */
TEST(who_yields_aims_below_the_goal)
{
	CHECK(fabs(limit_of_requests(false) - 0.002) < 1e-9);
	CHECK(fabs(limit_of_requests(true) - 0.0008) < 1e-9);
}

enum { TRACE_STEPS = 480 };
static const char trace_file[] = "tests/pace/trace.txt";

/* With PLMAINT_RECORD in the environment: a world with all kinds of things in it. */
static void record(void)
{
	struct world w;
	AUTO_STRBUF struct strbuf out = { 0 };
	FILE *f = fopen(trace_file, "w");

	if (!CHECK(f != NULL))
		return;
	begin(&w, PROFILE_DEFAULT);
	for (int i = 0; i < TRACE_STEPS; i++) {
		w.s.busy = i < 20 || i > 440 ? BUSY_NO : i % 3 ? BUSY_YES : BUSY_VERY;
		w.met = i > 160 ? 0.02 : 0.002;
		bool lags = i > 240 && i < 260;
		set(&w, SIGNAL_LAG_TIME, lags ? (i - 240) * 0.25 : i == 300 || i == 301 ? 40 : 0);
		w.web = i % 2 ? REQUEST_STATUS : REQUEST_CONTENT;
		w.web_free = 0.05;
		w.web_met = i > 320 ? 0.09 : 0.05;
		set(&w, SIGNAL_CPU, (i * 37 % 100) * 0.0035);
		w.s.profile = i > 410 && i < 430 ? PROFILE_FAST : PROFILE_DEFAULT;
		w.s.max_duty = i > 460 ? 0.7 : 1;
		w.s.yields = i > 60 && i < 140;
		w.s.of[SIGNAL_REDIS].state = i > 380 && i < 400 ? SIGNAL_UNKNOWN : SIGNAL_ABSENT;
		pass(&w, tick);
		trace_write(&out, &w.s, w.t, &w.c.now);
	}
	fputs("# SPDX-License-Identifier: GPL-3.0-or-later\n", f);
	fputs(out.data, f);
	fclose(f);
}

/* trace.txt, recorded from this world: what went in gives what came out, to the last bit. */
TEST(recorded_trace_gives_the_same_decisions)
{
	char line[8192];
	struct controller c;
	int n = 0;

	if (getenv("PLMAINT_RECORD"))
		record();
	FILE *f = fopen(trace_file, "r");
	if (!CHECK(f != NULL))
		return;
	controller_start(&c);
	while (fgets(line, sizeof(line), f)) {
		AUTO_STRBUF struct strbuf again = { 0 };
		struct signals s;
		struct err err;
		double now;
		if (*line == '#')
			continue;
		if (!CHECK(trace_read(line, &s, &now, &err))) {
			fprintf(stderr, "# line %d: %s\n", n + 1, err.text);
			break;
		}
		controller_step(&c, &s, now);
		trace_write(&again, &s, now, &c.now);
		n++;
		if (!CHECK_STR(again.data, line))
			break;
	}
	fclose(f);
	CHECK_INT(n, TRACE_STEPS);
}

TEST(lines_that_are_no_trace_are_refused)
{
	static const char *const bad[] = { "",
					   "x",
					   "1 busy",
					   "1 busy=",
					   "1 busy=9 ->",
					   "1 lag=3@1",
					   "1 lag_time=3",
					   "1 lag_time=3@ ->",
					   "1 p=",
					   "1 busy=nan",
					   "1 profile=4",
					   "1 max=",
					   "1 yields=0",
					   "1 calm=" };
	struct signals s;
	struct err err;
	double now;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!CHECK(!trace_read(bad[i], &s, &now, &err) && err.code == ERR_DATA))
			fprintf(stderr, "#	'%s'\n", bad[i]);
	}
}

TAP_MAIN(row(alone_it_is_at_full_speed_from_the_first_look_on),
	 row(somebody_at_the_first_look_makes_it_begin_with_care),
	 row(who_comes_just_after_the_first_look_is_noticed), row(others_come_and_go),
	 row(what_nobody_feels_speeds_up), row(what_is_felt_slows_down),
	 row(others_that_become_more_are_not_laid_to_us),
	 row(answers_of_pulp_that_get_slower_slow_down), row(gentle_is_slower_than_fast),
	 row(soft_limits_slow_in_proportion), row(own_pressure_alone_is_no_reason),
	 row(hard_limits_stop_until_it_is_calm), row(how_long_it_has_to_be_calm_is_said),
	 row(room_for_what_is_still_to_come), row(what_does_not_pass_is_left_alone_for_longer),
	 row(unknown_is_not_good_news), row(clocks_that_jump_change_nothing),
	 row(user_has_the_last_word), row(finalize_keeps_only_what_stops_it),
	 row(batches_keep_to_their_time), row(who_yields_aims_below_the_goal),
	 row(recorded_trace_gives_the_same_decisions), row(lines_that_are_no_trace_are_refused))
