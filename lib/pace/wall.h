/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wall clock times of this host's time zone, as operators write and read them.  Pure but for the
 * zone itself, which is libc's.  Times are seconds since 1970 as clock_wall() gives them.
 */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

/* A calendar day, proleptic Gregorian; month 1 to 12. */
struct wall_day {
	int year, month, day;
};
struct wall_day wall_day(double at);
struct wall_day wall_day_add(struct wall_day d, int days);
int wall_weekday(struct wall_day d); /* 0 is Sunday */

/*
 * When the clock shows this minute (0 to 1440) of this day.  Of a minute that comes twice the
 * first; of one that is passed over the moment at which the clock jumps.
 */
double wall_instant(struct wall_day d, int minute);

/* "22:00" to minutes of the day; 24:00 is allowed. */
bool wall_minute(const char *text, size_t len, int *ret);
/*
 * "06:00": the next time the clock shows it; or RFC 3339, in which the zone may be left out.
 * What lies in the past is an error.
 */
bool wall_parse(const char *text, double now, double *ret, struct err *err) MUST_CHECK;
/* "22:00", "tomorrow 05:00", "Tue 03:40" within six days, else "2026-11-24 03:40". */
void wall_in_words(double at, double now, char *out, size_t size);
