/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this host has run, from its journal; what operators asked of the runs, from the ledger. */
#include "commands/commands.h"
#include "lib/batch/ledger.h"
#include "lib/core/clock.h"
#include "lib/core/journal.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct past_run {
	char *id, *command, *started, *seconds, *exit, *rows, *last_step;
	bool rolled_back; /* a dry run */
};
struct gathering {
	struct past_run *runs;
	size_t n;
	struct session *session;
	const char *wanted; /* beginning of a run's id, or NULL */
	char *step;	    /* the wanted run's open step, or NULL */
};

static char *copy(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static struct past_run *find_run(struct gathering *g, const char *id)
{
	for (size_t i = g->n; i-- > 0;)
		if (strcmp(g->runs[i].id, id) == 0)
			return &g->runs[i];
	return NULL;
}

static void gather(void *arg, const struct journal_line *l)
{
	struct gathering *g = arg;
	struct past_run *r = find_run(g, l->run);

	if (strcmp(l->event, "run.start") == 0) {
		g->runs = xrealloc(g->runs, (g->n + 1) * sizeof(*g->runs));
		g->runs[g->n++] = (struct past_run){ .id = xstrdup(l->run),
						     .started = xstrdup(l->time),
						     .command = copy(journal_value(l, "command")) };
	} else if (r && strcmp(l->event, "step.start") == 0) {
		free(r->last_step);
		r->last_step = copy(journal_value(l, "label"));
	} else if (r && strcmp(l->event, "run.end") == 0 && !r->exit) {
		r->seconds = copy(journal_value(l, "seconds"));
		r->exit = copy(journal_value(l, "exit"));
		r->rows = copy(journal_value(l, "rows"));
		r->rolled_back = journal_value(l, "rolled_back");
	}
}

static double number(const char *s)
{
	return s ? strtod(s, NULL) : NAN;
}

/* Rows a second; NAN where it is not known. */
static double rate(const struct past_run *r)
{
	double seconds = number(r->seconds);

	return seconds > 0 ? number(r->rows) / seconds : NAN;
}

static void emit_run(struct session *s, const struct past_run *r)
{
	struct field fields[9] = { F_TEXT("id", r->id),
				   F_TEXT("command", r->command ? r->command : ""),
				   F_TEXT("started", r->started),
				   F_REAL("seconds", number(r->seconds)) };
	size_t n = 4;

	if (r->exit)
		fields[n++] = (struct field)F_INT("exit", strtol(r->exit, NULL, 10));
	if (r->rows)
		fields[n++] = (struct field)F_INT("rows", strtoll(r->rows, NULL, 10));
	if (isfinite(rate(r)))
		fields[n++] = (struct field)F_REAL("rate", rate(r));
	if (r->rolled_back)
		fields[n++] = (struct field)F_BOOL("rolled_back", true);
	emit(s->reporter, "history", fields);
}

static void show_run(struct session *s, const struct past_run *r)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	char words[32];

	emit_run(s, r);
	strbuf_addf(&out, "%.19sZ  %.8s  %-20s  ", r->started, r->id, r->command ? r->command : "");
	if (r->exit) {
		clock_in_words(number(r->seconds), words, sizeof(words));
		strbuf_addf(&out, "exit %s after %s", r->exit, words);
	} else {
		strbuf_addf(&out, "did not end: in step %s", r->last_step ? r->last_step : "none");
	}
	if (isfinite(rate(r)))
		strbuf_addf(&out, ", %.0f rows, %.0f rows/s%s", number(r->rows), rate(r),
			    r->rolled_back ? ", rolled back" : "");
	strbuf_adds(&out, "\n");
	s->reporter->print(s->reporter->self, out.data);
}

static void show_step(struct session *s, const char *id, const char *label,
		      const struct journal_line *end)
{
	const char *result = end ? journal_value(end, "result") : NULL;
	const char *message = end ? journal_value(end, "message") : NULL;
	double seconds = number(end ? journal_value(end, "seconds") : NULL);
	char words[32];

	EMIT(s->reporter, "history.step", F_TEXT("id", id), F_TEXT("label", label),
	     F_TEXT("result", result), F_REAL("seconds", seconds), F_TEXT("message", message));
	clock_in_words(seconds, words, sizeof(words));

	AUTO_FREE char *line = xasprintf("  %-32s %-10s %-9s %s\n", label,
					 result ? result : "no end", words, message ? message : "");

	s->reporter->print(s->reporter->self, line);
}

static void steps_of_run(void *arg, const struct journal_line *l)
{
	struct gathering *g = arg;
	const char *label = journal_value(l, "label");

	if (strcmp(l->run, g->wanted) != 0 || !label)
		return;
	free(TAKE(g->step));
	if (strcmp(l->event, "step.start") == 0)
		g->step = xstrdup(label);
	else
		show_step(g->session, l->run, label, l);
}

static void gathering_release(struct gathering *g)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct past_run *r = &g->runs[i];

		free(r->id);
		free(r->command);
		free(r->started);
		free(r->seconds);
		free(r->exit);
		free(r->rows);
		free(r->last_step);
	}
	free(g->runs);
	free(g->step);
}

static bool show_one(struct session *s, struct gathering *g, const char *dir, const char *id,
		     struct err *err)
{
	const struct past_run *found = NULL;
	size_t damaged;

	for (size_t i = 0; i < g->n; i++)
		if (strncmp(g->runs[i].id, id, strlen(id)) == 0)
			found = &g->runs[i];
	if (!found) {
		(void)err_set(err, ERR_USAGE, "no run '%s' in the journal of this host", id);
		return err_hint(err, "`plmaint history` lists the runs.");
	}
	show_run(s, found);
	g->wanted = found->id;
	if (!journal_read(dir, steps_of_run, g, &damaged, err))
		return false;
	if (g->step)
		show_step(s, found->id, g->step, NULL);
	return true;
}

static void show_change(struct session *s, const struct pg_rows *r, size_t i)
{
	const char *field[7];

	for (int c = 0; c < 7; c++)
		field[c] = *pg_text(r, i, c) ? pg_text(r, i, c) : NULL;
	EMIT(s->reporter, "history.change", F_TEXT("at", pg_text(r, i, 0)),
	     F_TEXT("actor", pg_text(r, i, 1)), F_TEXT("verb", pg_text(r, i, 2)),
	     F_TEXT("knob", field[3]), F_TEXT("old", field[4]), F_TEXT("new", field[5]),
	     F_TEXT("until", field[6]));

	AUTO_STRBUF struct strbuf line = { 0 };

	strbuf_addf(&line, "%s  %-8.40s  %.128s", pg_text(r, i, 0), pg_text(r, i, 2),
		    pg_text(r, i, 1));
	if (field[3])
		strbuf_addf(&line, "  %s: %s -> %s", field[3],
			    field[4] ? field[4] : "as configured",
			    field[5] ? field[5] : "as configured");
	if (field[6])
		strbuf_addf(&line, " until %s", field[6]);
	strbuf_adds(&line, "\n");
	s->reporter->print(s->reporter->self, line.data);
}

/* NULL where there is none to ask: the journal is there without a database. */
static struct pg_rows *read_changes(struct session *s)
{
	struct pg_rows *r = NULL;
	struct err err = { 0 };
	bool any;

	s->provide(s, NEED_DB, false);
	if (s->unmet & NEED_DB) {
		log_verbose("without what operators changed: %s", s->unmet_why[0].text);
		return NULL;
	}
	if (ledger_has(s->probe->db, "event", &any, &err) &&
	    (!any ||
	     pg_query(
		     s->probe->db,
		     "SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), actor, verb,"
		     " CASE verb WHEN 'tune' THEN knob ELSE '' END, CASE verb WHEN 'tune' THEN old ELSE '' END,"
		     " CASE verb WHEN 'tune' THEN new ELSE '' END,"
		     " coalesce(to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), '')"
		     " FROM plmaint.event ORDER BY id",
		     NULL, 0, &r, &err)))
		return r;
	log_warning("without what operators changed: %s%s%s", err.text, *err.hint ? ". " : "",
		    err.hint);
	return NULL;
}

/* Runs of this host and changes from all, by time. */
static void show_all(struct session *s, const struct gathering *g)
{
	AUTO_ROWS struct pg_rows *changes = read_changes(s);
	size_t n = changes ? pg_rows_count(changes) : 0, c = 0;

	for (size_t i = 0; i < g->n; i++) {
		for (; c < n && strcmp(pg_text(changes, c, 0), g->runs[i].started) < 0; c++)
			show_change(s, changes, c);
		show_run(s, &g->runs[i]);
	}
	for (; c < n; c++)
		show_change(s, changes, c);
	if (g->n + n == 0)
		s->reporter->print(s->reporter->self, "Nothing has been run on this host yet.\n");
}

static bool answer(struct session *s, const void *options, int *exit_status, struct err *err)
{
	__attribute__((cleanup(gathering_release))) struct gathering g = { .session = s };
	const char *dir = config_get(s->config, "general.state_dir");
	size_t damaged;

	(void)options;
	(void)exit_status;
	if (!journal_read(dir, gather, &g, &damaged, err))
		return false;
	if (damaged)
		log_warning("%zu damaged lines of the journal were passed over", damaged);
	if (s->operands[0])
		return show_one(s, &g, dir, s->operands[0], err);
	show_all(s, &g);
	return true;
}

const struct command command_history = {
	.name = "history",
	.summary = "show earlier runs on this host",
	.actions =
		(const struct action[]){
			{ .summary = "show earlier runs on this host",
			  .example = "plmaint history",
			  .explain =
				  "Oldest first, with what operators changed meanwhile, from any "
				  "host, where the database answers. With a run's id, or the "
				  "beginning of one, its steps are shown with their results and "
				  "wall times.",
			  .operands = "[RUN]",
			  .answer = answer },
			{ 0 },
		},
};
