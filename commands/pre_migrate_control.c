/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `pre-migrate pause | resume | stop | tune`: what operators want, from any host. */
#include "commands/pre_migrate.h"

#include "lib/batch/knobs.h"
#include "lib/batch/programs.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/probe.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct opt stop_options[] = {
	{ .name = "now",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct stop_options, now),
	  .help = "cancel the batch that runs instead of finishing it; it is rolled back" },
	OPTS_END
};

static const double look_again = 0.01; /* seconds between looks whether it was heard */

/* The session and the ledger of one command. */
struct hands {
	struct pg *db;
	struct ledger ledger;
};

static bool hands_open(struct session *s, struct hands *h, struct err *err)
{
	*h = (struct hands){ 0 };
	if (!actor_connect(s->actor, "operator", &h->db, err))
		return false;
	if (ledger_join(h->db, &h->ledger, err))
		return true;
	pg_close(h->db);
	return false;
}

static void print(struct session *s, const struct strbuf *text)
{
	s->reporter->print(s->reporter->self, text->data ? text->data : "");
}

static bool run_is_open(const struct hands *h, bool *open, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!ledger_query(&h->ledger, h->db,
			  "SELECT EXISTS (SELECT FROM @.run WHERE state = 'open')", NULL, 0, &r,
			  err))
		return false;
	*open = pg_bool(r, 0, 0);
	return true;
}

enum heard { HEARD_HOLD, HEARD_GO, HEARD_GONE };

static bool has_heard(const struct program *p, enum heard what)
{
	if (what == HEARD_GO)
		return p->state != PROGRAM_HELD;
	return what == HEARD_HOLD && p->state != PROGRAM_WORKING && !p->busy;
}

/* Waits until every program does what was asked: those that were there before too.  *deaf: how many
 * do not yet. */
static bool wait_heard(const struct hands *h, const struct programs *before, enum heard what,
		       double limit, size_t *all, size_t *deaf, double *seconds, struct err *err)
{
	double since = clock_monotonic();

	for (*all = before->n;;) {
		AUTO_PROGRAMS struct programs now = { 0 };
		if (!programs_read(h->db, before, &now, err))
			return false;
		*deaf = 0;
		for (size_t i = 0; i < now.n; i++)
			*deaf += !has_heard(&now.item[i], what);
		*all = now.n > *all ? now.n : *all;
		*seconds = clock_monotonic() - since;
		if (*deaf == 0 || *seconds > limit || !stop_wait(look_again))
			return true;
	}
}

static void tell(struct session *s, const char *verb, const char *done, size_t all, size_t deaf,
		 double seconds)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	char words[32];

	clock_in_words(seconds, words, sizeof(words));
	EMIT(s->reporter, "control", F_TEXT("verb", verb), F_INT("programs", all),
	     F_INT("waiting", deaf), F_REAL("seconds", seconds));
	if (all == 0)
		strbuf_addf(&out, "%s: nobody is at work; the next program finds it so\n", done);
	else if (deaf == 0)
		strbuf_addf(&out, "%s: %zu program%s after %s\n", done, all, all > 1 ? "s" : "",
			    words);
	else
		strbuf_addf(&out,
			    "asked: %zu of %zu programs have not done so within %s; "
			    "`plmaint pre-migrate status` shows them\n",
			    deaf, all, words);
	print(s, &out);
}

static bool paused_now(const struct hands *h, struct knobs *knobs, struct err *err)
{
	return knobs_read(&h->ledger, h->db, INT64_MAX, knobs, err);
}

static bool pause_it(struct session *s, const struct hands *h, struct err *err)
{
	static const double limit = 5.0; /* seconds; a batch is milliseconds */
	const struct knob_change change = { .verb = "pause", .name = "paused", .value = "yes" };
	AUTO_PROGRAMS struct programs before = { 0 };
	size_t all, deaf;
	double seconds;
	bool open;

	if (!run_is_open(h, &open, err) || !programs_read(h->db, NULL, &before, err))
		return false;
	if (!open && before.n == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no run to pause"),
		       err_hint(err, "No run is open and nobody is at work; `plmaint pre-migrate "
				     "status` shows what was.");
	if (!knobs_change(&h->ledger, h->db, &change, 1, err) ||
	    !wait_heard(h, &before, HEARD_HOLD, limit, &all, &deaf, &seconds, err))
		return false;
	tell(s, "pause", "paused", all, deaf, seconds);
	return true;
}

static bool resume_it(struct session *s, const struct hands *h, struct err *err)
{
	static const double limit = 5.0; /* seconds */
	const struct knob_change change = { .verb = "resume", .name = "paused" };
	AUTO_PROGRAMS struct programs before = { 0 };
	AUTO_STRBUF struct strbuf out = { 0 };
	struct knobs knobs;
	size_t all, deaf;
	double seconds;

	if (!paused_now(h, &knobs, err))
		return false;
	if (!knobs.paused) {
		EMIT(s->reporter, "control", F_TEXT("verb", "resume"), F_INT("programs", 0));
		strbuf_adds(&out, "nothing is paused\n");
		print(s, &out);
		return true;
	}
	if (!programs_read(h->db, NULL, &before, err) ||
	    !knobs_change(&h->ledger, h->db, &change, 1, err) ||
	    !wait_heard(h, &before, HEARD_GO, limit, &all, &deaf, &seconds, err))
		return false;
	tell(s, "resume", "resumed", all, deaf, seconds);
	return true;
}

static bool stop_it(struct session *s, const struct hands *h, bool now, struct err *err)
{
	static const double limit = 30.0; /* seconds; a step that is no batch may take longer */
	const struct knob_change change = { .verb = now ? "stop-now" : "stop" };
	AUTO_PROGRAMS struct programs before = { 0 };
	size_t all, deaf;
	double seconds;

	if (!programs_read(h->db, NULL, &before, err))
		return false;
	if (before.n == 0)
		return err_set(err, ERR_NOT_FOUND, "there is no run to stop: nobody is at work"),
		       err_hint(err, "`plmaint pre-migrate status` shows what was left.");
	if (!knobs_change(&h->ledger, h->db, &change, 1, err) ||
	    !wait_heard(h, &before, HEARD_GONE, limit, &all, &deaf, &seconds, err))
		return false;
	tell(s, change.verb, "stopped", all, deaf, seconds);
	return true;
}

bool pre_migrate_pause(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct hands h;

	(void)options;
	(void)exit_status;
	if (!hands_open(s, &h, err)) {
		if (err->code == ERR_NOT_FOUND)
			return err_set(err, ERR_NOT_FOUND, "there is no run to pause"),
			       err_hint(err,
					"This database has no ledger. A run that keeps none is "
					"paused by SIGUSR1 or by its brake file.");
		return false;
	}
	bool ok = pause_it(s, &h, err);
	pg_close(h.db);
	return ok;
}

bool pre_migrate_resume(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct hands h;

	(void)options;
	(void)exit_status;
	if (!hands_open(s, &h, err))
		return false;
	bool ok = resume_it(s, &h, err);
	pg_close(h.db);
	return ok;
}

bool pre_migrate_stop(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct stop_options *o = options;
	struct hands h;

	(void)exit_status;
	if (!hands_open(s, &h, err)) {
		if (err->code == ERR_NOT_FOUND)
			return err_set(err, ERR_NOT_FOUND, "there is no run to stop"),
			       err_hint(err,
					"This database has no ledger. A run that keeps none is "
					"stopped by SIGTERM.");
		return false;
	}
	bool ok = stop_it(s, &h, o->now, err);
	pg_close(h.db);
	return ok;
}

/* -- tune */

/* What `tune` was given: knobs to change, or to show (named), and for how long. */
struct tuning {
	struct knob_change change[KNOB_COUNT];
	size_t n;
	bool named[KNOB_COUNT], any;
	double ttl;
};

static bool read_ttl(struct tuning *t, const char *value, struct err *err)
{
	static const double longest = 366 * 86400.0; /* seconds */

	if (!value)
		return err_set(err, ERR_USAGE, "ttl needs a duration: ttl=1h");
	if (!parse_seconds(value, &t->ttl, err))
		return err_wrap(err, "ttl");
	return (t->ttl > 0 && t->ttl <= longest) ||
	       err_set(err, ERR_USAGE, "ttl: '%s' is not a duration of 366 days at most", value);
}

static bool read_word(struct tuning *t, char *word, struct err *err)
{
	char *value = strchr(word, '=');
	double number;
	enum knob k;

	if (value)
		*value++ = '\0';
	if (strcmp(word, "ttl") == 0)
		return read_ttl(t, value, err);
	if (!knob_find(word, &k, err) || (value && *value && !knob_parse(k, value, &number, err)))
		return false;
	if (t->named[k])
		return err_set(err, ERR_USAGE, "%s is given twice", word);
	t->named[k] = t->any = true;
	if (value)
		t->change[t->n++] = (struct knob_change){ .verb = "tune",
							  .name = knob_docs[k].name,
							  .value = *value ? value : NULL };
	return true;
}

static bool read_words(char *const *words, struct tuning *t, struct err *err)
{
	*t = (struct tuning){ 0 };
	for (; *words; words++)
		if (!read_word(t, *words, err))
			return false;
	if (t->ttl > 0 && t->n == 0)
		return err_set(err, ERR_USAGE, "ttl says how long a knob stays, and none is set"),
		       err_hint(err, "Write it like: plmaint pre-migrate tune duty=0.3 ttl=1h");
	for (size_t i = 0; i < t->n; i++)
		t->change[i].ttl = t->ttl;
	return true;
}

static void show_knob(struct session *s, enum knob k, const struct pg_rows *r, struct strbuf *out)
{
	const struct knob_doc *d = &knob_docs[k];
	AUTO_FREE char *value = xstrdup(config_get(s->config, d->key));
	AUTO_FREE char *source = xasprintf("%s, %s", d->key, config_source(s->config, d->key));
	const char *until = NULL;
	char range[128];

	for (size_t i = 0; r && i < pg_rows_count(r); i++) {
		struct err why;
		double number;
		if (strcmp(pg_text(r, i, 0), d->name) != 0)
			continue;
		free(source);
		if (!knob_parse(k, pg_text(r, i, 1), &number, &why)) {
			source = xasprintf("%s; what the ledger has is ignored: %s",
					   config_source(s->config, d->key), why.text);
			continue;
		}
		free(value);
		value = xstrdup(pg_text(r, i, 1));
		until = pg_is_null(r, i, 4) ? NULL : pg_text(r, i, 4);
		source = xasprintf("tuned by %s at %s%s%s", pg_text(r, i, 2), pg_text(r, i, 3),
				   until ? ", until " : "", until ? until : "");
	}
	knob_range_in_words(k, range, sizeof(range));
	EMIT(s->reporter, "knob", F_TEXT("name", d->name), F_TEXT("value", value),
	     F_TEXT("source", source), F_TEXT("until", until),
	     F_REAL("least", d->words ? NAN : d->least), F_REAL("most", d->words ? NAN : d->most),
	     F_TEXT("words", d->words ? range : NULL), F_TEXT("meaning", d->help));
	strbuf_addf(out, "%-12s %-8s %s: %s\n%21s %s\n", d->name, value, range, d->help, "",
		    source);
}

static bool show_knobs(struct session *s, struct pg *db, const struct tuning *t, struct err *err)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	AUTO_ROWS struct pg_rows *r = NULL;
	bool any;

	if (!ledger_has(db, "knob", &any, err) ||
	    (any &&
	     !pg_query(
		     db,
		     "SELECT name, value, actor, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
		     " to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM plmaint.knob"
		     " WHERE until IS NULL OR until > clock_timestamp()",
		     NULL, 0, &r, err)))
		return false;
	for (int k = 0; k < KNOB_COUNT; k++)
		if (!t->any || t->named[k])
			show_knob(s, (enum knob)k, r, &out);
	print(s, &out);
	return true;
}

static bool tune_and_show(struct session *s, const struct tuning *t, struct err *err)
{
	struct hands h;

	if (t->n == 0)
		return show_knobs(s, s->probe->db, t, err);
	if (!hands_open(s, &h, err)) {
		if (err->code == ERR_NOT_FOUND)
			(void)err_hint(err, "A knob stands in the ledger, which the first run "
					    "makes; until then say --set with the key of the "
					    "configuration.");
		return false;
	}
	bool ok =
		knobs_change(&h.ledger, h.db, t->change, t->n, err) && show_knobs(s, h.db, t, err);
	pg_close(h.db);
	return ok;
}

bool pre_migrate_tune(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct tuning t;
	char **words;
	size_t n = 0;

	(void)options;
	(void)exit_status;
	while (s->operands[n])
		n++;
	words = xcalloc(n + 1, sizeof(*words));
	for (size_t i = 0; i < n; i++)
		words[i] = xstrdup(s->operands[i]);
	bool ok = read_words(words, &t, err) && tune_and_show(s, &t, err);
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	free(words);
	return ok;
}
