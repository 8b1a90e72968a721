/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes what operators want; knobs.h says what it is. */
#include "lib/batch/knobs.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"
#include "lib/pace/controller.h"
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const critical_names[] = { "hibernate", "abort", NULL };

#define KNOB(name, least, most, whole, key, help) \
	{ #name, least, most, whole, false, NULL, key, help },
#define SECONDS(name, least, most, key, help) { #name, least, most, false, true, NULL, key, help },
#define WORDS(name, words, key, help) { #name, 0, 0, true, false, words, key, help },
const struct knob_doc knob_docs[KNOB_COUNT] = {
#include "lib/batch/knobs.def"
};
#undef KNOB
#undef SECONDS
#undef WORDS

const char knobs_channel[] = "plmaint";

bool knob_find(const char *name, enum knob *ret, struct err *err)
{
	const char *names[KNOB_COUNT + 1] = { NULL };

	for (int k = 0; k < KNOB_COUNT; k++) {
		names[k] = knob_docs[k].name;
		if (strcmp(name, names[k]) == 0) {
			*ret = (enum knob)k;
			return true;
		}
	}
	const char *near = nearest_name(name, names);
	(void)err_set(err, ERR_USAGE, "there is no knob '%s'", name);
	if (near)
		return err_hint(err, "Did you mean %s?", near);
	return err_hint(err, "`plmaint pre-migrate tune` lists the knobs.");
}

void knob_in_words(enum knob k, double value, char *out, size_t size)
{
	const struct knob_doc *d = &knob_docs[k];

	if (d->words)
		snprintf(out, size, "%s", d->words[(size_t)value]);
	else
		snprintf(out, size, "%g%s", value, d->seconds ? "s" : "");
}

void knob_range_in_words(enum knob k, char *out, size_t size)
{
	const struct knob_doc *d = &knob_docs[k];
	size_t at = 0;

	if (!d->words)
		snprintf(out, size, "%g to %g%s", d->least, d->most, d->seconds ? " s" : "");
	for (size_t i = 0; d->words && d->words[i] && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", d->words[i]);
}

static bool parse_word(const struct knob_doc *d, enum knob k, const char *text, double *ret,
		       struct err *err)
{
	char range[128];

	for (size_t i = 0; d->words[i]; i++) {
		if (strcmp(text, d->words[i]) == 0) {
			*ret = (double)i;
			return true;
		}
	}
	knob_range_in_words(k, range, sizeof(range));
	return err_set(err, ERR_USAGE, "%s: '%s' is none of %s", d->name, text, range);
}

static bool parse_duration(const struct knob_doc *d, const char *text, double *ret, struct err *err)
{
	struct err why;
	double v;

	if (!parse_seconds(text, &v, &why) || v < d->least || v > d->most)
		return err_set(err, ERR_USAGE, "%s: '%s' is not a duration from %g to %g s",
			       d->name, text, d->least, d->most);
	*ret = v;
	return true;
}

bool knob_parse(enum knob k, const char *text, double *ret, struct err *err)
{
	const struct knob_doc *d = &knob_docs[k];
	struct err why;
	double v;

	if (d->words)
		return parse_word(d, k, text, ret, err);
	if (d->seconds)
		return parse_duration(d, text, ret, err);
	if (!parse_real(text, d->least, d->most, &v, &why) || (d->whole && v != floor(v)))
		return err_set(err, ERR_USAGE, "%s: '%s' is not a %snumber from %g to %g", d->name,
			       text, d->whole ? "whole " : "", d->least, d->most);
	*ret = v;
	return true;
}

static void take_row(const struct pg_rows *r, size_t i, struct knobs *ret)
{
	const char *name = pg_text(r, i, 0), *value = pg_text(r, i, 1);
	enum knob k;
	struct err why;

	if (strcmp(name, "stop") == 0) {
		ret->stop = strcmp(value, "stop-now") == 0 ? STOP_NOW : STOP_AFTER_BATCH;
		snprintf(ret->stopped_by, sizeof(ret->stopped_by), "%s", pg_text(r, i, 2));
	} else if (strcmp(name, "paused") == 0) {
		ret->paused = true;
		snprintf(ret->paused_by, sizeof(ret->paused_by), "%s", pg_text(r, i, 2));
		snprintf(ret->paused_at, sizeof(ret->paused_at), "%s", pg_text(r, i, 3));
	} else if (!knob_find(name, &k, &why) || !knob_parse(k, value, &ret->value[k], &why)) {
		snprintf(ret->ignored, sizeof(ret->ignored), "%.127s", why.text);
	}
}

bool knobs_read(const struct ledger *l, struct pg *db, int64_t since, struct knobs *ret,
		struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char event[24];

	*ret = (struct knobs){ 0 };
	for (int k = 0; k < KNOB_COUNT; k++)
		ret->value[k] = NAN;
	snprintf(event, sizeof(event), "%lld", (long long)since);
	/* Of several stops the last row is taken: stop-now comes after stop. */
	if (!ledger_query(
		    l, db,
		    "SELECT name, value, actor, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM @.knob"
		    " WHERE until IS NULL OR until > clock_timestamp() UNION ALL"
		    " (SELECT 'stop', verb, actor, '' FROM @.event WHERE id > $1::bigint AND verb IN ('stop', 'stop-now')"
		    " ORDER BY verb)",
		    (struct pg_param[]){ PG_P_TEXT(event) }, 1, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		take_row(r, i, ret);
	return true;
}

/* "alice@host", "root (alice)@host" below sudo */
static void name_actor(char *out, size_t size)
{
	struct passwd pw, *found = NULL;
	char buf[4096], host[256] = "";
	const char *sudo = getenv("SUDO_USER");

	(void)getpwuid_r(getuid(), &pw, buf, sizeof(buf), &found);
	(void)gethostname(host, sizeof(host) - 1);
	if (getuid() == 0 && sudo && *sudo)
		snprintf(out, size, "root (%.40s)@%.70s", sudo, host);
	else if (found)
		snprintf(out, size, "%.40s@%.70s", found->pw_name, host);
	else
		snprintf(out, size, "uid %u@%.70s", (unsigned)getuid(), host);
}

static bool change_one(const struct ledger *l, struct pg *db, const char *actor,
		       const struct knob_change *c, struct err *err)
{
	char ttl[32];
	const char *until = c->ttl > 0 ? ttl : NULL;

	snprintf(ttl, sizeof(ttl), "%.3f", c->ttl);
	const struct pg_param event[] = { PG_P_TEXT(actor), PG_P_TEXT(c->verb), PG_P_TEXT(c->name),
					  PG_P_TEXT(c->value), PG_P_TEXT(until) };
	const struct pg_param row[] = { PG_P_TEXT(c->name), PG_P_TEXT(c->value), PG_P_TEXT(until),
					PG_P_TEXT(actor) };

	if (!ledger_query(
		    l, db,
		    "INSERT INTO @.event (actor, verb, knob, old, new, until) SELECT $1, $2, coalesce($3, ''),"
		    " coalesce((SELECT value FROM @.knob WHERE name = $3 AND (until IS NULL OR until > clock_timestamp())), ''),"
		    " coalesce($4, ''), clock_timestamp() + make_interval(secs => $5::float8)",
		    event, 5, NULL, err))
		return false;
	if (!c->name)
		return true;
	if (!c->value)
		return ledger_query(l, db, "DELETE FROM @.knob WHERE name = $1", row, 1, NULL, err);
	return ledger_query(
		l, db,
		"INSERT INTO @.knob (name, value, until, actor)"
		" VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3::float8), $4) ON CONFLICT (name) DO UPDATE"
		" SET value = excluded.value, until = excluded.until, actor = excluded.actor, at = clock_timestamp()",
		row, 4, NULL, err);
}

bool knobs_change(const struct ledger *l, struct pg *db, const struct knob_change *changes,
		  size_t n, struct err *err)
{
	struct err undo;
	char actor[128];
	bool ok;

	name_actor(actor, sizeof(actor));
	/* One at a time, so that events become visible in the order of their numbers: a program
	 * remembers the last one it saw. */
	ok = pg_exec(db, "BEGIN", err) &&
	     ledger_query(l, db, "LOCK TABLE @.event IN SHARE ROW EXCLUSIVE MODE", NULL, 0, NULL,
			  err);
	for (size_t i = 0; ok && i < n; i++)
		ok = change_one(l, db, actor, &changes[i], err);
	if (ok && pg_exec(db, "NOTIFY plmaint; COMMIT", err))
		return true;
	if (pg_alive(db))
		(void)!pg_exec(db, "ROLLBACK", &undo);
	return false;
}

bool knobs_note(const struct ledger *l, struct pg *db, const char *by, const char *verb,
		struct err *err)
{
	char actor[128], host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	snprintf(actor, sizeof(actor), "%.55s@%.70s", by, host);
	return ledger_query(l, db, "INSERT INTO @.event (actor, verb) VALUES ($1, $2)",
			    (struct pg_param[]){ PG_P_TEXT(actor), PG_P_TEXT(verb) }, 2, NULL, err);
}
