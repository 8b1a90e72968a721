/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A window belongs to the day on which it opens.  Where the clock is put back inside a window that
 * ends in the repeated hour, it ends at the first time the clock shows its end, and does not open
 * again; where the clock is put forward over a window's edge, the edge is the moment of the jump.
 */
#include "lib/pace/calendar.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"
#include "lib/pace/wall.h"
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	ALL_DAYS = 0x7f,
	MINUTES = 1440,
	DAYS_AHEAD = 15, /* a weekly window that a clock change swallowed comes a week later */
	MOST_TURNS = 100000
};

static const char *const day_names[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL };

static bool bad_window(const char *text, const char *why, struct err *err)
{
	return err_set(err, ERR_USAGE, "window '%s': %s", text, why),
	       err_hint(err,
			"Write it like 22:00-05:00, or by days: 'Mon-Fri 22:00-06:00, Sat-Sun *'.");
}

static int find_day(const char *s, size_t len)
{
	for (int i = 0; day_names[i]; i++) {
		if (len == 3 && strncasecmp(s, day_names[i], len) == 0)
			return i;
	}
	return -1;
}

/* "Mon" or "Fri-Mon". */
static bool parse_days(const char *s, size_t len, unsigned *ret)
{
	const char *dash = memchr(s, '-', len);
	size_t first_len = dash ? (size_t)(dash - s) : len;
	int first = find_day(s, first_len);
	int last = dash ? find_day(dash + 1, len - first_len - 1) : first;

	if (first < 0 || last < 0)
		return false;
	*ret = 0;
	for (int d = first;; d = (d + 1) % 7) {
		*ret |= 1U << d;
		if (d == last)
			return true;
	}
}

/* "22:00-05:00" or "*". */
static const char *parse_span(const char *s, size_t len, int *from, int *to)
{
	const char *dash = memchr(s, '-', len);

	*from = 0;
	*to = MINUTES;
	if (len == 1 && *s == '*')
		return NULL;
	if (!dash || !wall_minute(s, (size_t)(dash - s), from) ||
	    !wall_minute(dash + 1, len - (size_t)(dash - s) - 1, to) || *from == MINUTES)
		return "its times are not of the form HH:MM-HH:MM";
	return *from == *to ? "it opens and closes at the same minute; '*' is the whole day" : NULL;
}

static const char *parse_window(const char *s, size_t len, struct calendar *c)
{
	unsigned days = ALL_DAYS;
	int from, to;

	if (c->n == CALENDAR_WINDOWS)
		return "there are more than 16";
	if (len > 0 && isalpha((unsigned char)*s)) {
		size_t word = 0;
		while (word < len && !isblank((unsigned char)s[word]))
			word++;
		if (!parse_days(s, word, &days))
			return "its days are not of the form Mon or Mon-Fri";
		while (word < len && isblank((unsigned char)s[word]))
			word++;
		s += word;
		len -= word;
	}
	if (len == 0)
		return "its times are missing";
	const char *why = parse_span(s, len, &from, &to);
	if (why)
		return why;
	c->window[c->n].days = days;
	c->window[c->n].from = from;
	c->window[c->n++].to = to;
	return NULL;
}

bool calendar_parse(const char *text, struct calendar *ret, struct err *err)
{
	*ret = (struct calendar){ 0 };
	for (const char *at = text;; at++) {
		at += strspn(at, " \t");
		size_t whole = strcspn(at, ","), len = whole;
		while (len > 0 && isblank((unsigned char)at[len - 1]))
			len--;
		AUTO_FREE char *one = xstrndup(at, len);
		const char *why = parse_window(one, len, ret);
		if (why)
			return bad_window(one, why, err);
		at += whole;
		if (*at == '\0')
			return true;
	}
}

struct span {
	double open, close;
};

static struct span span_on(const struct calendar *c, size_t i, struct wall_day d)
{
	int from = c->window[i].from, to = c->window[i].to;

	return (struct span){ wall_instant(d, from),
			      wall_instant(wall_day_add(d, to <= from), to) };
}

/* One look over the windows around now: how far they hold from `reach` on, and when the next one
 * after it opens. */
static double extend(const struct calendar *c, struct wall_day today, double reach, double *next)
{
	double held = reach;

	*next = INFINITY;
	for (int day = -1; day <= DAYS_AHEAD; day++) {
		struct wall_day d = wall_day_add(today, day);
		for (size_t i = 0; i < c->n; i++) {
			if (!(c->window[i].days & 1U << wall_weekday(d)))
				continue;
			struct span s = span_on(c, i, d);
			if (s.open <= held)
				held = fmax(held, s.close);
			else if (s.close > s.open)
				*next = fmin(*next, s.open);
		}
	}
	return held;
}

bool calendar_open(const struct calendar *c, double now, double *change)
{
	struct wall_day today = wall_day(now);
	double reach = now, next, further;

	*change = INFINITY;
	if (c->n == 0)
		return true;
	/* Windows that meet are one; they may stand in any order. */
	while ((further = extend(c, today, reach, &next)) > reach)
		reach = further;
	if (reach <= now)
		*change = next;
	else if (reach - now < 14 * 86400.0) /* beyond: it never closes */
		*change = reach;
	return reach > now;
}

double calendar_after(const struct calendar *c, double now, double seconds)
{
	for (int turn = 0; turn < MOST_TURNS && isfinite(now); turn++) {
		double change;
		bool open = calendar_open(c, now, &change);
		if (open && (seconds <= change - now || !isfinite(change)))
			return now + seconds;
		if (open)
			seconds -= change - now;
		now = change;
	}
	return INFINITY;
}

enum schedule_state schedule_look(const struct schedule *s, double wall, double monotonic,
				  double *change)
{
	double end = fmin(s->deadline, wall + (s->end - monotonic));

	*change = INFINITY;
	if (wall >= s->deadline)
		return SCHEDULE_DEADLINE;
	if (monotonic >= s->end)
		return SCHEDULE_DURATION;
	if (calendar_open(&s->windows, wall, change)) {
		*change = fmin(*change, end);
		return SCHEDULE_GO;
	}
	return *change < end ? SCHEDULE_CLOSED : SCHEDULE_NEVER;
}

void schedule_in_words(enum schedule_state state, double change, double wall, char *out,
		       size_t size)
{
	char when[64] = "";

	if (isfinite(change))
		wall_in_words(change, wall, when, sizeof(when));
	switch (state) {
	case SCHEDULE_GO:
		snprintf(out, size, "it may work%s%s", *when ? " until " : "", when);
		return;
	case SCHEDULE_CLOSED:
		snprintf(out, size, "the window is closed and opens %s%s",
			 strchr(when, ' ') ? "" : "at ", when);
		return;
	case SCHEDULE_DEADLINE:
		snprintf(out, size, "the deadline has come");
		return;
	case SCHEDULE_DURATION:
		snprintf(out, size, "it has run as long as it may");
		return;
	case SCHEDULE_NEVER:
		snprintf(out, size,
			 "the window is closed and opens%s%s only after the end that was set",
			 *when ? " " : "", when);
		return;
	}
}
