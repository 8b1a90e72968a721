/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Local time without mktime(): what that answers in a repeated or skipped hour depends on what it
 * was asked before.  Here every instant is found from the offsets of the day around it.
 */
#include "lib/pace/wall.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY = 86400, MINUTE = 60, MINUTES = 1440 };

static struct tm local(time_t t)
{
	struct tm tm = { 0 };

	(void)localtime_r(&t, &tm);
	return tm;
}

static time_t as_utc(struct wall_day d, long seconds)
{
	struct tm tm = { .tm_year = d.year - 1900, .tm_mon = d.month - 1, .tm_mday = d.day };

	return timegm(&tm) + seconds;
}

struct wall_day wall_day(double at)
{
	struct tm tm = local((time_t)floor(at));

	return (struct wall_day){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday };
}

struct wall_day wall_day_add(struct wall_day d, int days)
{
	time_t t = as_utc(d, (long)days * DAY);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	return (struct wall_day){ tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday };
}

int wall_weekday(struct wall_day d)
{
	time_t t = as_utc(d, 0);
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	return tm.tm_wday;
}

/* The first second in (from, to] at which the offset is no longer that of from. */
static time_t switch_between(time_t from, time_t to)
{
	long before = local(from).tm_gmtoff;

	while (to - from > 1) {
		time_t middle = from + (to - from) / 2;
		if (local(middle).tm_gmtoff == before)
			from = middle;
		else
			to = middle;
	}
	return to;
}

static time_t instant(struct wall_day d, long seconds)
{
	time_t shown = as_utc(d, seconds); /* what the clock shows, read as UTC */
	long before = local(shown - DAY).tm_gmtoff, after = local(shown + DAY).tm_gmtoff;
	time_t first = shown - before, second = shown - after;

	if (local(first).tm_gmtoff == before)
		return first;
	if (local(second).tm_gmtoff == after)
		return second;
	return switch_between(shown - DAY, shown + DAY);
}

double wall_instant(struct wall_day d, int minute)
{
	return (double)instant(d, (long)minute * MINUTE);
}

static bool digits(const char *s, size_t n, int *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return false;
		*ret = *ret * 10 + (s[i] - '0');
	}
	return n > 0;
}

bool wall_minute(const char *text, size_t len, int *ret)
{
	int hour, minute;

	if ((len != 4 && len != 5) || text[len - 3] != ':' || !digits(text, len - 3, &hour) ||
	    !digits(text + len - 2, 2, &minute) || minute > 59 || hour * 60 + minute > MINUTES)
		return false;
	*ret = hour * 60 + minute;
	return true;
}

/* "Z", "+01:00" or nothing: seconds east of UTC, or *local_zone. */
static bool parse_zone(const char *s, long *east, bool *local_zone)
{
	int hour, minute;

	*local_zone = *s == '\0';
	*east = 0;
	if (*local_zone || ((*s == 'Z' || *s == 'z') && s[1] == '\0'))
		return true;
	if ((*s != '+' && *s != '-') || strlen(s) != 6 || s[3] != ':' || !digits(s + 1, 2, &hour) ||
	    !digits(s + 4, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*east = (*s == '-' ? -1L : 1L) * (hour * 3600L + minute * 60L);
	return true;
}

static bool parse_rfc3339(const char *s, double *ret)
{
	struct wall_day d;
	int hour, minute, second = 0;
	long east;
	bool local_zone;

	if (strlen(s) < 16 || !digits(s, 4, &d.year) || s[4] != '-' ||
	    !digits(s + 5, 2, &d.month) || s[7] != '-' || !digits(s + 8, 2, &d.day) ||
	    !strchr("Tt ", s[10]) || !digits(s + 11, 2, &hour) || s[13] != ':' ||
	    !digits(s + 14, 2, &minute))
		return false;
	const char *at = s + 16;
	if (*at == ':') {
		if (strlen(at) < 3 || !digits(at + 1, 2, &second))
			return false;
		at += 3;
		if (*at == '.')
			at += 1 + strspn(at + 1, "0123456789");
	}
	struct wall_day real = wall_day_add(d, 0); /* 31 June becomes 1 July */
	if (!parse_zone(at, &east, &local_zone) || hour > 23 || minute > 59 || second > 60 ||
	    d.month < 1 || d.month > 12 || d.day < 1 || real.day != d.day)
		return false;
	long seconds = hour * 3600L + minute * 60L + second;
	*ret = (double)(local_zone ? instant(d, seconds) : as_utc(d, seconds) - east);
	return true;
}

bool wall_parse(const char *text, double now, double *ret, struct err *err)
{
	char words[64];
	int minute;

	if (wall_minute(text, strlen(text), &minute)) {
		for (int i = 0; i < 3; i++) {
			*ret = wall_instant(wall_day_add(wall_day(now), i), minute);
			if (*ret > now)
				return true;
		}
	}
	if (!parse_rfc3339(text, ret))
		return err_set(err, ERR_USAGE, "'%s' is not a time", text),
		       err_hint(
			       err,
			       "Write it like 06:00 (the next time the clock shows it) or 2026-11-24T06:00:00+01:00.");
	if (*ret > now)
		return true;
	wall_in_words(now, now, words, sizeof(words));
	return err_set(err, ERR_USAGE, "'%s' has passed: it is %s now", text, words),
	       err_hint(err, "Name a time that is still to come.");
}

void wall_in_words(double at, double now, char *out, size_t size)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	struct tm tm = local((time_t)floor(at));
	struct wall_day d = wall_day(at), today = wall_day(now);
	long away = (long)((as_utc(d, 0) - as_utc(today, 0)) / DAY);

	if (away == 0)
		snprintf(out, size, "%02d:%02d", tm.tm_hour, tm.tm_min);
	else if (away == 1)
		snprintf(out, size, "tomorrow %02d:%02d", tm.tm_hour, tm.tm_min);
	else if (away > 1 && away <= 6)
		snprintf(out, size, "%s %02d:%02d", days[tm.tm_wday], tm.tm_hour, tm.tm_min);
	else
		snprintf(out, size, "%04d-%02d-%02d %02d:%02d", d.year, d.month, d.day, tm.tm_hour,
			 tm.tm_min);
}
