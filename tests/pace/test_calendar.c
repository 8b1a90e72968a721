/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Windows on the wall clock, also where the clock is changed under them. */
#include "lib/core/clock.h"
#include "lib/pace/calendar.h"
#include "lib/pace/wall.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <time.h>

static void zone(const char *name)
{
	struct err err;

	setenv("TZ", name, 1);
	tzset();
	if (!CHECK(clock_zone(&err)))
		fprintf(stderr, "# %s\n", err.text);
}

static double at(const char *rfc3339)
{
	struct err err;
	double t = NAN;

	if (!CHECK(wall_parse(rfc3339, 0, &t, &err)))
		fprintf(stderr, "# %s\n", err.text);
	return t;
}

/* The moment as UTC, so that a wrong answer can be read. */
static const char *utc(double t)
{
	static char texts[4][40];
	static int n;
	char *out = texts[n++ % 4];

	clock_rfc3339(t, out, 40);
	out[16] = '\0';
	return out;
}

static struct calendar windows(const char *text)
{
	struct calendar c;
	struct err err;

	if (!CHECK(calendar_parse(text, &c, &err)))
		fprintf(stderr, "# %s: %s\n", text, err.text);
	return c;
}

/* From a moment on: open or closed, then each change, all in UTC. */
static void check_changes(const char *zone_name, const char *text, const char *from, bool open,
			  const char *const *changes)
{
	struct calendar c;
	double now, change;

	zone(zone_name);
	c = windows(text);
	now = at(from);
	for (; *changes; changes++, open = !open) {
		if (!CHECK(calendar_open(&c, now, &change) == open) ||
		    !CHECK_STR(utc(change), *changes)) {
			fprintf(stderr, "#	%s in %s, looked at %s\n", text, zone_name,
				utc(now));
			return;
		}
		/* The last second before it is still as it was. */
		double ignored;
		CHECK(calendar_open(&c, change - 1, &ignored) == open);
		now = change;
	}
}
#define CHANGES(...) ((const char *const[]){ __VA_ARGS__, NULL })

TEST(a_night_window_opens_and_closes)
{
	check_changes("UTC", "22:00-05:00", "2026-11-21T12:00:00Z", false,
		      CHANGES("2026-11-21T22:00", "2026-11-22T05:00", "2026-11-22T22:00"));
	check_changes("UTC", "22:00-05:00", "2026-11-21T04:59:59Z", true,
		      CHANGES("2026-11-21T05:00", "2026-11-21T22:00"));
	check_changes("Europe/Berlin", "22:00-05:00", "2026-11-21T12:00:00Z", false,
		      CHANGES("2026-11-21T21:00", "2026-11-22T04:00"));
}

TEST(days_are_those_on_which_it_opens)
{
	/* 2026-11-20 is a Friday. */
	check_changes("UTC", "Fri 22:00-05:00", "2026-11-20T23:00:00Z", true,
		      CHANGES("2026-11-21T05:00", "2026-11-27T22:00"));
	check_changes("UTC", "Mon-Fri 22:00-06:00, Sat-Sun *", "2026-11-20T12:00:00Z", false,
		      CHANGES("2026-11-20T22:00", "2026-11-23T00:00", "2026-11-23T22:00"));
	check_changes("UTC", "sat-mon 01:00-02:00", "2026-11-23T00:00:00Z", false,
		      CHANGES("2026-11-23T01:00", "2026-11-23T02:00", "2026-11-28T01:00"));
}

TEST(windows_that_meet_or_overlap_are_one)
{
	check_changes("UTC", "01:00-02:00,02:00-03:00 , 02:30-04:00", "2026-11-21T00:00:00Z", false,
		      CHANGES("2026-11-21T01:00", "2026-11-21T04:00"));
	check_changes("UTC", "20:00-24:00, 00:00-03:00", "2026-11-21T19:00:00Z", false,
		      CHANGES("2026-11-21T20:00", "2026-11-22T03:00"));
	for (size_t i = 0; i < 2; i++) {
		struct calendar c = windows(i ? "*" : "00:00-12:00, 12:00-24:00");
		double change;
		CHECK(calendar_open(&c, at("2026-11-21T12:00:00Z"), &change) && isinf(change));
	}
}

TEST(clock_put_forward)
{
	/* Berlin, 29 March 2026: 02:00 becomes 03:00, at 01:00 UTC. */
	check_changes("Europe/Berlin", "22:00-05:00", "2026-03-28T12:00:00Z", false,
		      CHANGES("2026-03-28T21:00", "2026-03-29T03:00", "2026-03-29T20:00"));
	check_changes("Europe/Berlin", "02:30-04:00", "2026-03-28T12:00:00Z", false,
		      CHANGES("2026-03-29T01:00", "2026-03-29T02:00", "2026-03-30T00:30"));
	check_changes("Europe/Berlin", "01:00-02:30", "2026-03-28T12:00:00Z", false,
		      CHANGES("2026-03-29T00:00", "2026-03-29T01:00"));
	/* Swallowed whole: it comes on the next day. */
	check_changes("Europe/Berlin", "02:15-02:45", "2026-03-28T12:00:00Z", false,
		      CHANGES("2026-03-30T00:15", "2026-03-30T00:45"));
	check_changes("Europe/Berlin", "Sun 02:15-02:45", "2026-03-28T12:00:00Z", false,
		      CHANGES("2026-04-05T00:15"));
	/* New York, 8 March 2026: 02:00 EST becomes 03:00 EDT, at 07:00 UTC. */
	check_changes("America/New_York", "23:00-04:00", "2026-03-07T12:00:00Z", false,
		      CHANGES("2026-03-08T04:00", "2026-03-08T08:00", "2026-03-09T03:00"));
	/* Lord Howe, 4 October 2026: 02:00 becomes 02:30, at 15:30 UTC the day before. */
	check_changes("Australia/Lord_Howe", "01:00-03:00", "2026-10-03T12:00:00Z", false,
		      CHANGES("2026-10-03T14:30", "2026-10-03T16:00"));
	check_changes("Australia/Lord_Howe", "02:15-03:00", "2026-10-03T12:00:00Z", false,
		      CHANGES("2026-10-03T15:30", "2026-10-03T16:00"));
}

TEST(clock_put_back)
{
	/* Berlin, 25 October 2026: 03:00 becomes 02:00, at 01:00 UTC. */
	check_changes("Europe/Berlin", "22:00-05:00", "2026-10-24T12:00:00Z", false,
		      CHANGES("2026-10-24T20:00", "2026-10-25T04:00", "2026-10-25T21:00"));
	/* Ends in the repeated hour: at its first 02:30, and once. */
	check_changes("Europe/Berlin", "22:00-02:30", "2026-10-24T12:00:00Z", false,
		      CHANGES("2026-10-24T20:00", "2026-10-25T00:30", "2026-10-25T21:00"));
	check_changes("Europe/Berlin", "02:30-04:00", "2026-10-24T12:00:00Z", false,
		      CHANGES("2026-10-25T00:30", "2026-10-25T03:00"));
	/* New York, 1 November 2026: 02:00 EDT becomes 01:00 EST, at 06:00 UTC. */
	check_changes("America/New_York", "23:00-01:30", "2026-10-31T12:00:00Z", false,
		      CHANGES("2026-11-01T03:00", "2026-11-01T05:30", "2026-11-02T04:00"));
	/* Lord Howe, 5 April 2026: 02:00 becomes 01:30, at 15:00 UTC the day before. */
	check_changes("Australia/Lord_Howe", "01:00-01:45", "2026-04-04T12:00:00Z", false,
		      CHANGES("2026-04-04T14:00", "2026-04-04T14:45", "2026-04-05T14:30"));
}

TEST(impossible_windows_are_refused)
{
	static const char *const bad[] = {
		"",
		"22:00",
		"22:00-22:00",
		"24:00-05:00",
		"25:00-05:00",
		"22:60-05:00",
		"22-05",
		"22:00-05:0",
		"Mon",
		"Mon-",
		"Mun 1:00-2:00",
		"Mon-Fry *",
		"22:00-05:00,",
		",",
		"-",
		"22:00--05:00",
		"Mon 22:00 - 05:00",
		"** ",
		"22:00-05:00 Mon",
		"*,*,*,*,*,*,*,*,*,*,*,*,*,*,*,*,*",
	};
	struct calendar c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };
		if (!CHECK(!calendar_parse(bad[i], &c, &err)) ||
		    !CHECK(err.code == ERR_USAGE && err.hint[0] && strstr(err.text, "window")))
			fprintf(stderr, "#	'%s'\n", bad[i]);
	}
}

TEST(work_goes_on_in_the_next_window)
{
	struct calendar c;

	zone("Europe/Berlin");
	c = windows("22:00-05:00");
	/* Ten hours from 23:00: six tonight, four tomorrow night. */
	CHECK_STR(utc(calendar_after(&c, at("2026-11-21T22:00:00Z"), 36000)), "2026-11-23T01:00");
	CHECK_STR(utc(calendar_after(&c, at("2026-11-21T22:00:00Z"), 21600)), "2026-11-22T04:00");
	CHECK_STR(utc(calendar_after(&c, at("2026-11-21T12:00:00Z"), 60)), "2026-11-21T21:01");
	/* The night of 25 October has eight hours. */
	CHECK_STR(utc(calendar_after(&c, at("2026-10-24T20:00:00Z"), 8 * 3600)),
		  "2026-10-25T04:00");
	/* A hundred nights of seven hours, of which one has eight. */
	CHECK_STR(utc(calendar_after(&c, at("2026-10-01T12:00:00Z"), 701 * 3600)),
		  "2027-01-09T04:00");
	c = windows("*");
	CHECK(calendar_after(&c, 1000, 50) == 1050);
}

TEST(times_as_people_write_them)
{
	struct err err;
	double t, now;
	char words[64];

	zone("Europe/Berlin");
	now = at("2026-11-21T12:00:00Z"); /* 13:00 */
	CHECK(wall_parse("06:00", now, &t, &err));
	CHECK_STR(utc(t), "2026-11-22T05:00");
	CHECK(wall_parse("13:30", now, &t, &err));
	CHECK_STR(utc(t), "2026-11-21T12:30");
	CHECK(wall_parse("2026-11-24T06:00:00+01:00", now, &t, &err));
	CHECK_STR(utc(t), "2026-11-24T05:00");
	CHECK(wall_parse("2026-11-24 06:00", now, &t, &err));
	CHECK_STR(utc(t), "2026-11-24T05:00");
	CHECK(wall_parse("2026-11-24T06:00:00.5z", now, &t, &err));
	CHECK_STR(utc(t), "2026-11-24T06:00");
	wall_in_words(t, now, words, sizeof(words));
	CHECK_STR(words, "Tue 07:00");
	wall_in_words(at("2026-11-22T04:00:00Z"), now, words, sizeof(words));
	CHECK_STR(words, "tomorrow 05:00");
	wall_in_words(now + 60, now, words, sizeof(words));
	CHECK_STR(words, "13:01");
	wall_in_words(now + 30 * 86400, now, words, sizeof(words));
	CHECK_STR(words, "2026-12-21 13:00");
}

TEST(times_that_are_refused)
{
	static const char *const bad[] = {
		"",
		"6",
		"25:00",
		"06:61",
		"soon",
		"+1h",
		"2026-13-01T00:00",
		"2027-02-29T00:00:00Z",
		"2026-11-24",
		"2026-11-24T06:00:00+1",
		"2026-11-24T06:00:0",
		"2026-11-24T06:00Zzz",
	};
	struct err err = { 0 };
	double t, now;

	zone("UTC");
	now = at("2026-11-21T12:00:00Z");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!CHECK(!wall_parse(bad[i], now, &t, &err) && err.code == ERR_USAGE &&
			   err.hint[0]))
			fprintf(stderr, "#	'%s'\n", bad[i]);
	}
	CHECK(!wall_parse("2026-11-21T11:59:59Z", now, &t, &err));
	CHECK_STR(err.text, "'2026-11-21T11:59:59Z' has passed: it is 12:00 now");
}

TEST(schedule_ends_or_waits)
{
	struct schedule s = { .deadline = INFINITY, .end = INFINITY };
	double noon, change;
	char words[128];

	zone("UTC");
	noon = at("2026-11-21T12:00:00Z");
	CHECK(schedule_look(&s, noon, 50, &change) == SCHEDULE_GO && isinf(change));
	s.end = 60;
	CHECK(schedule_look(&s, noon, 50, &change) == SCHEDULE_GO && change == noon + 10);
	CHECK(schedule_look(&s, noon, 60, &change) == SCHEDULE_DURATION);
	s.end = INFINITY;
	s.deadline = noon + 5;
	CHECK(schedule_look(&s, noon + 5, 50, &change) == SCHEDULE_DEADLINE);
	s.windows = windows("22:00-05:00");
	CHECK(schedule_look(&s, noon, 50, &change) == SCHEDULE_NEVER);
	s.deadline = at("2026-11-21T22:30:00Z");
	CHECK(schedule_look(&s, noon, 50, &change) == SCHEDULE_CLOSED);
	schedule_in_words(SCHEDULE_CLOSED, change, noon, words, sizeof(words));
	CHECK_STR(words, "the window is closed and opens at 22:00");
	schedule_in_words(SCHEDULE_CLOSED, noon + 86400, noon, words, sizeof(words));
	CHECK_STR(words, "the window is closed and opens tomorrow 12:00");
	/* The clock is set: what counts is what it shows now. */
	CHECK(schedule_look(&s, at("2026-11-21T22:10:00Z"), 51, &change) == SCHEDULE_GO);
	CHECK(change == s.deadline);
	s.end = 100;
	CHECK(schedule_look(&s, noon, 51, &change) == SCHEDULE_NEVER);
}

TEST(a_zone_that_is_not_there_is_an_error)
{
	static const char *const known[] = {
		"UTC",		 "EST5EDT",	   "<+01>-1", "CET-1CEST,M3.5.0,M10.5.0/3",
		"Europe/Berlin", ":Europe/Berlin", "GMT"
	};
	struct err err = { 0 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		setenv("TZ", known[i], 1);
		if (!CHECK(clock_zone(&err)))
			fprintf(stderr, "#	%s: %s\n", known[i], err.text);
	}
	setenv("TZ", "Europe/Atlantis", 1);
	CHECK(!clock_zone(&err) && err.code == ERR_CONFIG && strstr(err.hint, "tzdata"));
	setenv("TZ", "Berlin", 1);
	CHECK(!clock_zone(&err));
	unsetenv("TZ");
	CHECK(clock_zone(&err));
}

TAP_MAIN(row(a_night_window_opens_and_closes), row(days_are_those_on_which_it_opens),
	 row(windows_that_meet_or_overlap_are_one), row(clock_put_forward), row(clock_put_back),
	 row(impossible_windows_are_refused), row(work_goes_on_in_the_next_window),
	 row(times_as_people_write_them), row(times_that_are_refused), row(schedule_ends_or_waits),
	 row(a_zone_that_is_not_there_is_an_error))
