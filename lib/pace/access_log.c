/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A request is one that met us by the moment at which it began.  By all of its time, long ones
 * would always have met a batch, and their length would be held against us.  That moment is the one
 * at which its line is seen less what it took, so the log must not be buffered.
 */
#include "lib/pace/access_log.h"
#include "lib/core/mem.h"
#include "lib/drivers/tail.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double span = 10;	   /* seconds of which the share of failures is told */
static const double fewest = 10;   /* requests among which one failure is no share of note */
static const double large = 1e6;   /* bytes of an answer */
static const double longest = 1e6; /* seconds: more is no time of a request */
/* Looks that are remembered; requests of one look that count; lines without a time in a row, after
 * which the format is taken to have none. */
enum { LOOKS = 1024, EACH_LOOK = 8, MOST_TIMELESS = 20 };

struct access_log {
	struct tail *tail;
	struct {
		double at; /* its end; it began at the end of the one before */
		bool met;
	} looks[LOOKS];
	size_t looked;	      /* looks until now */
	double all, failed;   /* recent requests, forgotten by and by */
	unsigned timeless;    /* lines in a row */
	size_t taken;	      /* of this look */
	double now;	      /* of this look */
	struct signals *into; /* of this look */
};

static bool digit(char c)
{
	return isdigit((unsigned char)c);
}

/* A number at text, which has to end there or at a blank; NAN: none. */
static double number(const char *text, size_t len)
{
	double x = 0, unit = 1;
	size_t i = 0, digits = 0;
	bool point = false;

	for (; i < len && (digit(text[i]) || (text[i] == '.' && !point)); i++) {
		if (text[i] == '.') {
			point = true;
			continue;
		}
		digits++;
		x = x * 10 + (text[i] - '0');
		unit *= point ? 10 : 1;
	}
	return digits > 0 && (i == len || text[i] == ' ') ? x / unit : NAN;
}

/* The time at the line's end, bare or as the value of a name: 0.012, rt=0.012, "time":"0.012"}. */
static bool find_time(const char *line, size_t len, double *ret)
{
	while (len > 0 && (isspace((unsigned char)line[len - 1]) || line[len - 1] == '"' ||
			   line[len - 1] == '}'))
		len--;
	size_t from = len;
	while (from > 0 && (digit(line[from - 1]) || line[from - 1] == '.'))
		from--;
	if (from > 0 && !strchr(" \t=:\"", line[from - 1]))
		return false;
	double x = number(line + from, len - from);
	*ret = memchr(line + from, '.', len - from) ? x : x / 1e6;
	return *ret <= longest; /* false for NAN */
}

static bool begins(const char *at, size_t left, const char *word)
{
	return left >= strlen(word) && memcmp(at, word, strlen(word)) == 0;
}

/* "METHOD PATH VERSION" STATUS BYTES, wherever in the line. */
static void find_answer(const char *line, size_t len, struct access *ret)
{
	const char *end = line + len, *request = memchr(line, '"', len);
	const char *at = request;

	while (at && (at = memchr(at + 1, '"', (size_t)(end - at - 1)))) {
		const char *status = at + 2, *bytes = at + 6;
		if (end - at < 6 || at[1] != ' ' || !digit(status[0]) || !digit(status[1]) ||
		    !digit(status[2]) || status[3] != ' ')
			continue;
		size_t rest = (size_t)(at - request) - 1;
		ret->failed = status[0] == '5';
		ret->transfer =
			number(bytes, (size_t)(end - bytes)) > large ||
			!(begins(request + 1, rest, "GET ") || begins(request + 1, rest, "HEAD "));
		return;
	}
}

bool access_parse(const char *line, size_t len, struct access *ret)
{
	*ret = (struct access){ 0 };
	if (len == 0 || !find_time(line, len, &ret->seconds))
		return false;
	find_answer(line, len, ret);
	return true;
}

struct access_log *access_log_open(const char *path)
{
	struct access_log *l = xcalloc(1, sizeof(*l));

	l->tail = tail_open(path);
	return l;
}

void access_log_close(struct access_log *l)
{
	if (!l)
		return;
	tail_close(l->tail);
	free(l);
}

/* Whether a batch of ours was at work between these moments; *known: it is not too long ago. */
static bool met_between(const struct access_log *l, double from, double until, bool *known)
{
	size_t oldest = l->looked > LOOKS ? l->looked - LOOKS : 0;
	bool met = false;

	*known = false;
	for (size_t i = l->looked; i-- > oldest + 1;) {
		double began = l->looks[(i - 1) % LOOKS].at;
		if (began < until)
			met |= l->looks[i % LOOKS].met;
		if (began <= from) {
			*known = true;
			break;
		}
	}
	return met;
}

static void take_line(void *arg, const char *line, size_t len)
{
	struct access_log *l = arg;
	struct signals *out = l->into;
	struct access a;
	bool known;

	if (!access_parse(line, len, &a)) {
		l->timeless += l->timeless < MOST_TIMELESS;
		return;
	}
	l->timeless = 0;
	l->all++;
	l->failed += a.failed;
	if (a.failed || a.transfer || l->taken == EACH_LOOK || out->probes == MOST_PROBES ||
	    l->looked < 2)
		return;
	/* It ended somewhere between the look before and this one. */
	double before = l->looks[(l->looked - 2) % LOOKS].at;
	bool met = met_between(l, before - a.seconds, l->now - a.seconds, &known);
	if (!known)
		return;
	l->taken++;
	out->probe[out->probes++] = (struct latency){ a.seconds, REQUEST_LOGGED, met };
}

void access_log_look(struct access_log *l, bool met, double now, struct signals *out)
{
	struct signal_value *v = &out->of[SIGNAL_ACCESS_LOG];
	double dt = l->looked > 0 ? now - l->looks[(l->looked - 1) % LOOKS].at : 0;
	double keep = fmax(0, 1 - fmax(0, dt) / span);

	l->looks[l->looked % LOOKS].at = now;
	l->looks[l->looked % LOOKS].met = met;
	l->looked++;
	l->all *= keep;
	l->failed *= keep;
	l->taken = 0;
	l->now = now;
	l->into = out;
	bool there = tail_read(l->tail, take_line, l);
	if (l->timeless == MOST_TIMELESS || (!there && v->state != SIGNAL_KNOWN))
		v->state = SIGNAL_UNKNOWN;
	else if (there)
		*v = (struct signal_value){ SIGNAL_KNOWN, l->failed / fmax(l->all, fewest), now };
	/* Else it is being rotated, or what was known grows old. */
}
