/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `pre-migrate status | reset`: what Pulp's tables and the ledger say. */
#include "commands/pre_migrate.h"

#include "lib/batch/knobs.h"
#include "lib/batch/leases.h"
#include "lib/batch/programs.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/text.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/pending.h"
#include "lib/report/style.h"
#include "lib/report/wire.h"
#include "procedures/cache_debt.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print(struct session *s, const struct strbuf *text)
{
	s->reporter->print(s->reporter->self, text->data ? text->data : "");
}

static bool tell_pending(struct session *s, const char *verdicts, struct strbuf *out,
			 struct err *err)
{
	struct pulp_schema schema;
	struct pending_counts c;

	if (!pulp_schema_probe(s->probe->db, false, true, &schema, err) ||
	    !pending_count(s->probe->db, &schema, &(struct pending_options){ .except = verdicts },
			   &c, err))
		return false;
	EMIT(s->reporter, "pending", F_INT("images", c.images), F_INT("lists", c.lists),
	     F_INT("lost", c.lost), F_INT("filled", c.detach),
	     F_INT("without_data", c.without_data), F_INT("manifests", c.manifests),
	     F_INT("list_type", c.list_type), F_INT("labels", c.labels),
	     F_INT("level", schema.level));
	strbuf_addf(out, "manifests   %lld, %lld of them without data (schema level %04d)\n",
		    (long long)c.manifests, (long long)c.without_data, schema.level);
	text_addf(
		out,
		"pending     %lld image(s), %lld list(s); %lld can be recovered; %lld filled, link not yet dropped\n",
		(long long)c.images, (long long)c.lists, (long long)c.lost, (long long)c.detach);
	if (c.list_type > 0)
		text_addf(
			out,
			"            %lld list(s) with data (has|have) no type: `pre-migrate run --refill` fills it\n",
			(long long)c.list_type);
	if (c.labels > 0)
		text_addf(
			out,
			"            %lld image(s) (has|have) a configuration and no labels: `pre-migrate run --refill` fills what a push has missed\n",
			(long long)c.labels);
	return true;
}

static const char runs_sql[] =
	"SELECT r.id, r.job, CASE WHEN $1::boolean AND r.state = 'open' THEN 'retired' ELSE r.state END,"
	" to_char(r.started AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
	" extract(epoch FROM coalesce(r.ended, clock_timestamp()) - r.started)::float8, r.total, coalesce(sum(g.done), 0),"
	" coalesce(sum(g.changed), 0), coalesce(sum(g.partial), 0), coalesce(sum(g.quarantined), 0), r.host,"
	" count(*) FILTER (WHERE g.token IS NOT NULL AND NOT g.finished AND NOT $1"
	" AND " LEASE_HELD("g") ") FROM plmaint.run r LEFT JOIN plmaint.range g ON g.run = r.id"
				" GROUP BY r.id ORDER BY r.id DESC LIMIT 10";

static bool tell_runs(struct session *s, bool copy, struct strbuf *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(s->probe->db, runs_sql,
		      (struct pg_param[]){ PG_P_TEXT(copy ? "true" : "false") }, 1, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		double seconds = strtod(pg_text(r, i, 4), NULL);
		char words[32];
		clock_in_words(seconds, words, sizeof(words));
		EMIT(s->reporter, "ledger.run", F_INT("id", pg_int(r, i, 0)),
		     F_TEXT("label", pg_text(r, i, 1)), F_TEXT("state", pg_text(r, i, 2)),
		     F_TEXT("started", pg_text(r, i, 3)), F_REAL("seconds", seconds),
		     F_INT("total", pg_int(r, i, 5)), F_INT("done", pg_int(r, i, 6)),
		     F_INT("rows", pg_int(r, i, 7)), F_INT("partial", pg_int(r, i, 8)),
		     F_INT("quarantined", pg_int(r, i, 9)), F_TEXT("host", pg_text(r, i, 10)),
		     F_INT("workers", pg_int(r, i, 11)));
		strbuf_addf(out,
			    "run %-7lld %-24s %-8s %s  %lld of %lld looked at, %lld changed, %s",
			    (long long)pg_int(r, i, 0), pg_text(r, i, 1), pg_text(r, i, 2),
			    pg_text(r, i, 3), (long long)pg_int(r, i, 6),
			    (long long)pg_int(r, i, 5), (long long)pg_int(r, i, 7), words);
		if (strcmp(pg_text(r, i, 2), "open") == 0)
			text_addf(out, ", %lld worker(s) now", (long long)pg_int(r, i, 11));
		else if (seconds > 0)
			strbuf_addf(out, ", %.0f rows/s", (double)pg_int(r, i, 7) / seconds);
		strbuf_adds(out, "\n");
	}
	return true;
}

static bool tell_verdicts(struct session *s, const char *verdicts, struct strbuf *out,
			  struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT effect, reason, count(*), count(accepted) FROM %s v WHERE effect <> 'examined'"
		" GROUP BY 1, 2 ORDER BY 1 DESC, 3 DESC",
		verdicts);

	if (!pg_query(s->probe->db, sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		EMIT(s->reporter, "verdicts", F_TEXT("effect", pg_text(r, i, 0)),
		     F_TEXT("reason", pg_text(r, i, 1)), F_INT("rows", pg_int(r, i, 2)),
		     F_INT("accepted", pg_int(r, i, 3)));
		strbuf_addf(out, "%-11s %lld %s%s\n", pg_text(r, i, 0), (long long)pg_int(r, i, 2),
			    pg_text(r, i, 1),
			    pg_int(r, i, 3) == pg_int(r, i, 2) ? " (accepted)" : "");
	}
	return true;
}

static void tell_program(struct session *s, const struct program *p, struct strbuf *out)
{
	static const char *const states[] = { [PROGRAM_WORKING] = "working",
					      [PROGRAM_HELD] = "held",
					      [PROGRAM_BETWEEN] = "between batches" };
	struct wire w;

	if (!p->joined) {
		EMIT(s->reporter, "program", F_TEXT("id", p->invocation), F_TEXT("state", "looks"));
		strbuf_addf(out, "program     %s: counts what there is to do, or changes nothing\n",
			    p->invocation);
		return;
	}
	EMIT(s->reporter, "program", F_TEXT("id", p->invocation), F_TEXT("host", p->host),
	     F_INT("pid", p->pid), F_TEXT("state", states[p->state]),
	     F_TEXT("reason", *p->reason ? p->reason : NULL));
	strbuf_addf(out, "program     %s, process %d: %s%s%s\n", p->host, p->pid, states[p->state],
		    *p->reason ? "; " : "", p->reason);
	if (p->state == PROGRAM_BETWEEN || !wire_read("progress", p->progress, &w))
		return;
	if (s->json)
		emit(s->reporter, "progress", w.fields);
	const char *lost = text_field(w.fields, "lost");
	strbuf_adds(out, "            ");
	add_progress(out, w.fields);
	if (p->state == PROGRAM_WORKING)
		add_reason(out, w.fields);
	strbuf_adds(out, "\n");
	if (lost)
		strbuf_addf(out, "            lost until now: %s\n", lost);
	wire_release(&w);
}

/* What operators have asked for, what is not as configured, and what is owed.  copy: the wishes are
 * those of another database. */
static bool tell_wishes(struct session *s, bool copy, struct strbuf *out, struct err *err)
{
	const struct ledger l = { .schema = "plmaint", .shared = true };
	struct knobs k = { .paused = false };
	const char *tuned[KNOB_COUNT + 1] = { NULL };
	bool any, debt;
	size_t n = 0;

	if (!ledger_has(s->probe->db, "knob", &any, err) ||
	    !cache_debt_any(s->probe->db, s->config, &debt, err))
		return false;
	any = any && !copy;
	if (any && !knobs_read(&l, s->probe->db, INT64_MAX, &k, err))
		return false;
	if (k.paused)
		strbuf_addf(out, "paused      by %s at %s: `plmaint pre-migrate resume` goes on\n",
			    k.paused_by, k.paused_at);
	for (int i = 0; any && i < KNOB_COUNT; i++) {
		char value[64];
		if (isnan(k.value[i]))
			continue;
		tuned[n++] = knob_docs[i].name;
		knob_in_words((enum knob)i, k.value[i], value, sizeof(value));
		strbuf_addf(out, "tuned       %s is %s: `plmaint pre-migrate tune` shows by whom\n",
			    knob_docs[i].name, value);
	}
	if (debt)
		strbuf_adds(
			out,
			"cache       keys of changed distributions are still to be deleted: the next run does it\n");
	EMIT(s->reporter, "wishes", F_BOOL("paused", k.paused),
	     F_TEXT("paused_by", k.paused ? k.paused_by : NULL),
	     F_TEXT("paused_at", k.paused ? k.paused_at : NULL), F_LIST("tuned", tuned),
	     F_BOOL("cache_debt", debt));
	return true;
}

static bool tell_programs(struct session *s, struct strbuf *out, struct err *err)
{
	AUTO_PROGRAMS struct programs now = { 0 };

	if (!programs_read(s->probe->db, NULL, &now, err))
		return false;
	for (size_t i = 0; i < now.n; i++)
		tell_program(s, &now.item[i], out);
	return true;
}

/* By the ledger of a database that is not this one nobody is at work, and no wish holds. */
static void tell_copy(struct session *s)
{
	EMIT(s->reporter, "notice", F_TEXT("level", "info"),
	     F_TEXT("message", "the ledger came with a dump or a copy of another database; its "
			       "runs are history"));
}

static bool tell_ledger_rows(struct session *s, struct strbuf *out, struct err *err)
{
	bool copy;

	if (!ledger_is_copy(s->probe->db, &copy, err) || !tell_runs(s, copy, out, err))
		return false;
	if (copy)
		tell_copy(s);
	return (copy || tell_programs(s, out, err)) && tell_wishes(s, copy, out, err);
}

/* What is cheap to ask: the ledger. */
static bool tell_ledger(struct session *s, bool ledger, const char *verdicts, struct strbuf *out,
			struct err *err)
{
	if ((verdicts && !tell_verdicts(s, verdicts, out, err)) ||
	    (ledger && !tell_ledger_rows(s, out, err)))
		return false;
	if (!ledger)
		strbuf_adds(out, "runs        none yet\n");
	return true;
}

const struct opt status_options[] = { { .name = "watch",
					.kind = OPT_FLAG,
					.offset = offsetof(struct status_options, watch),
					.help = "ask again every second until Ctrl-C" },
				      OPTS_END };

/* Counting what is pending reads whole tables: in a watch it may take a twentieth of the time. */
struct counting {
	char *text; /* of the last count */
	double next;
};

static bool tell_counts(struct session *s, const char *verdicts, struct counting *c,
			struct strbuf *out, struct err *err)
{
	double began = clock_monotonic();

	if (!c->text || began >= c->next) {
		AUTO_STRBUF struct strbuf now = { 0 };
		if (!tell_pending(s, verdicts, &now, err))
			return false;
		free(c->text);
		c->text = strbuf_take(&now);
		c->next = clock_monotonic() + 20 * (clock_monotonic() - began);
	}
	strbuf_adds(out, c->text);
	return true;
}

static bool tell_all(struct session *s, struct counting *c, struct strbuf *out, struct err *err)
{
	const char *verdicts;
	bool ledger;

	return ledger_exists(s->probe->db, &ledger, err) &&
	       verdicts_source(s->probe->db, config_get(s->config, "general.state_dir"), &verdicts,
			       err) &&
	       tell_counts(s, verdicts, c, out, err) && tell_ledger(s, ledger, verdicts, out, err);
}

bool pre_migrate_status(struct session *s, const void *options, int *exit_status, struct err *err)
{
	static const double again = 1.0; /* seconds between two looks of a watch */
	const struct status_options *o = options;
	struct counting c = { 0 };
	bool ok;

	(void)exit_status;
	do {
		AUTO_STRBUF struct strbuf out = { 0 };
		char now[32];
		clock_rfc3339(clock_wall(), now, sizeof(now));
		if (o->watch)
			strbuf_addf(&out, "--- %.19sZ, Ctrl-C leaves\n", now);
		ok = tell_all(s, &c, &out, err);
		if (ok)
			print(s, &out);
	} while (ok && o->watch && !ferror(stdout) && stop_wait(again));
	free(c.text);
	return ok;
}

bool pre_migrate_reset(struct session *s, const void *options, int *exit_status, struct err *err)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	struct pg *db = NULL;
	bool ledger, open = false, alive = false, debt = false;

	(void)options;
	(void)exit_status;
	if (!ledger_exists(s->probe->db, &ledger, err))
		return false;
	if (!ledger) {
		EMIT(s->reporter, "done", F_TEXT("message", "there is no ledger"));
		strbuf_adds(&out, "there is no ledger\n");
		print(s, &out);
		return true;
	}
	if (!run_look(s->probe->db, &open, &alive, err) ||
	    !cache_debt_any(s->probe->db, s->config, &debt, err))
		return false;
	if (alive)
		return err_set(err, ERR_LOCKED, "a run is at work"),
		       err_hint(
			       err,
			       "Stop it with `plmaint pre-migrate stop`, or wait with `plmaint pre-migrate wait`.");
	if (debt && !s->force)
		return err_set(err, ERR_LOCKED, "the content cache is still owed keys"),
		       err_hint(
			       err,
			       "Run `plmaint pre-migrate run` to pay, or `plmaint cache invalidate --scope all` and then reset --force.");
	if (!s->assume_yes)
		return err_set(err, ERR_USAGE,
			       "this forgets all runs and all quarantined and accepted rows"),
		       err_hint(
			       err,
			       "Say --assumeyes when that is meant; nothing of Pulp's is touched.");
	if (!actor_connect(s->actor, "reset", &db, err))
		return false;
	bool ok = ledger_drop(db, err);
	pg_close(db);
	if (ok) {
		EMIT(s->reporter, "done", F_TEXT("message", "schema plmaint dropped"));
		strbuf_adds(&out, "schema plmaint dropped\n");
		print(s, &out);
	}
	return ok;
}
