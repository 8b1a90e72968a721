/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line for each step: "12.5 busy=2 batch=0.0051 lock_wait=40@12.4 redis=? p=0.0011 P=0.004 ->
 * ...". ? is unknown, what is left out is absent, p, s, c, l and u are probes (of the database, of
 * Pulp's status, of its content, from an access log, of the share of sessions that are taken) that
 * met no batch of ours, P, S, C, L and U some that did. Numbers have all their digits, so that what
 * is read is what was. yields, profile, max, calm and max_lag are left out where they are 0, the
 * default, 1 and the usual.
 */
#include "lib/pace/controller.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char free_letter[] = "psclu", met_letter[] = "PSCLU"; /* by enum request */

/* As short as it can be and still be read as the same number. */
static void add(struct strbuf *out, const char *before, double x)
{
	char text[32];

	snprintf(text, sizeof(text), "%.15g", x);
	if (strtod(text, NULL) != x)
		snprintf(text, sizeof(text), "%.17g", x);
	strbuf_adds(out, before);
	strbuf_adds(out, text);
}

void trace_write(struct strbuf *out, const struct signals *s, double now, const struct decision *d)
{
	add(out, "", now);
	strbuf_addf(out, " busy=%d", (int)s->busy);
	add(out, " batch=", s->batch);
	if (s->yields)
		strbuf_adds(out, " yields=1");
	if (s->profile != PROFILE_DEFAULT)
		strbuf_addf(out, " profile=%d", (int)s->profile);
	if (s->max_duty < 1)
		add(out, " max=", s->max_duty);
	if (s->calm != usual_calm)
		add(out, " calm=", s->calm);
	if (s->max_lag > 0)
		add(out, " max_lag=", s->max_lag);
	for (size_t i = 0; i < SIGNAL_COUNT; i++) {
		if (s->of[i].state == SIGNAL_ABSENT)
			continue;
		strbuf_addf(out, " %s=", signal_name((enum signal)i));
		if (s->of[i].state == SIGNAL_UNKNOWN) {
			strbuf_adds(out, "?");
			continue;
		}
		add(out, "", s->of[i].value);
		add(out, "@", s->of[i].at);
	}
	for (size_t i = 0; i < s->probes; i++) {
		const struct latency *p = &s->probe[i];
		char before[] = { ' ', (p->met ? met_letter : free_letter)[p->kind], '=', '\0' };
		add(out, before, p->seconds);
	}
	add(out, " -> duty=", d->duty);
	strbuf_adds(out, d->away ? " away" : "");
	add(out, " target=", d->target);
	strbuf_addf(out, " reason=%d signal=%s\n", (int)d->reason,
		    d->reason >= SLOW_UNKNOWN ? signal_name(d->signal) : "-");
}

static bool number(const char **at, double *ret)
{
	char *end;

	*ret = strtod(*at, &end);
	if (end == *at)
		return false;
	*at = end;
	return true;
}

static enum signal find_signal(const char *name, size_t len)
{
	size_t i = 0;

	while (i < SIGNAL_COUNT && (strlen(signal_name((enum signal)i)) != len ||
				    memcmp(signal_name((enum signal)i), name, len) != 0))
		i++;
	return (enum signal)i;
}

static bool read_signal(struct signal_value *v, const char **at)
{
	if (**at == '?') {
		*v = (struct signal_value){ .state = SIGNAL_UNKNOWN };
		(*at)++;
		return true;
	}
	v->state = SIGNAL_KNOWN;
	if (!number(at, &v->value) || **at != '@')
		return false;
	(*at)++;
	return number(at, &v->at);
}

static bool is(const char *name, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(name, word, len) == 0;
}

static bool read_word(struct signals *s, const char *name, size_t len, const char **at)
{
	double x;

	if (is(name, len, "busy")) {
		if (!number(at, &x) || !(x >= BUSY_UNKNOWN && x <= BUSY_VERY))
			return false;
		s->busy = x < 1 ? BUSY_UNKNOWN : x < 2 ? BUSY_NO : x < 3 ? BUSY_YES : BUSY_VERY;
		return true;
	}
	if (is(name, len, "batch"))
		return number(at, &s->batch);
	if (is(name, len, "yields")) {
		s->yields = number(at, &x) && x > 0;
		return s->yields;
	}
	if (is(name, len, "max"))
		return number(at, &s->max_duty);
	if (is(name, len, "calm"))
		return number(at, &s->calm);
	if (is(name, len, "max_lag"))
		return number(at, &s->max_lag);
	if (is(name, len, "profile")) {
		if (!number(at, &x) || !(x >= 0 && x <= PROFILE_FINALIZE))
			return false;
		s->profile = (enum profile)x;
		return true;
	}
	for (size_t k = 0; k < REQUEST_KINDS && len == 1; k++) {
		if (*name != met_letter[k] && *name != free_letter[k])
			continue;
		if (s->probes == MOST_PROBES || !number(at, &x))
			return false;
		s->probe[s->probes++] =
			(struct latency){ x, (enum request)k, *name == met_letter[k] };
		return true;
	}
	enum signal id = find_signal(name, len);
	return id < SIGNAL_COUNT && read_signal(&s->of[id], at);
}

bool trace_read(const char *line, struct signals *s, double *now, struct err *err)
{
	const char *at = line;
	bool ok = number(&at, now);

	*s = (struct signals){ .profile = PROFILE_DEFAULT, .max_duty = 1, .calm = usual_calm };
	while (ok && *at == ' ' && at[1] != '-') {
		const char *name = ++at;
		size_t len = strcspn(name, "= \n");
		at += len;
		ok = *at == '=';
		at += ok;
		ok = ok && read_word(s, name, len, &at);
	}
	if (ok && (strncmp(at, " ->", 3) == 0 || *at == '\n' || *at == '\0'))
		return true;
	return err_set(err, ERR_DATA, "not a line of a trace, from '%.40s' on", at);
}
