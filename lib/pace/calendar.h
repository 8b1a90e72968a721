/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When work is allowed: windows of the week on the wall clock, a deadline, a longest duration.
 * Pure: the times come in as arguments; only the time zone is the host's.
 */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

enum { CALENDAR_WINDOWS = 16 };
struct calendar {
	struct {
		unsigned days; /* on which it opens; bit 0 is Sunday */
		int from, to;  /* minutes of the day; to <= from: of the next day */
	} window[CALENDAR_WINDOWS];
	size_t n; /* none: always open */
};

/* "22:00-05:00", "Mon-Fri 22:00-06:00, Sat-Sun *". */
bool calendar_parse(const char *text, struct calendar *ret, struct err *err) MUST_CHECK;

/* Whether it is open, and when that ends; INFINITY: never. */
bool calendar_open(const struct calendar *c, double now, double *change);
/* When so many seconds of open time will have passed. */
double calendar_after(const struct calendar *c, double now, double seconds);

struct schedule {
	struct calendar windows;
	double deadline; /* wall clock; INFINITY: none */
	double end;	 /* clock_monotonic() at which --max-duration is over; INFINITY: none */
};
enum schedule_state {
	SCHEDULE_GO,
	SCHEDULE_CLOSED,   /* a window opens again, and before the end */
	SCHEDULE_DEADLINE, /* ends: the deadline has come */
	SCHEDULE_DURATION, /* ends: it has run as long as it may */
	SCHEDULE_NEVER	   /* ends: no window opens before the deadline or the longest duration */
};
/* *change: the wall clock time at which the answer may become another. */
enum schedule_state schedule_look(const struct schedule *s, double wall, double monotonic,
				  double *change);
/* "the window is closed and opens tomorrow 22:00"; lower case, no stop. */
void schedule_in_words(enum schedule_state state, double change, double wall, char *out,
		       size_t size);
