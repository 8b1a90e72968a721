/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * After a migration every row of container_manifest has a dead version, and the planner believes
 * that data and type are all NULL.  Each dropped link leaves one in core_contentartifact and, since
 * its time is renewed, in core_artifact.  VACUUM here never waits for a lock (SKIP_LOCKED), never
 * takes the exclusive one that truncation needs, and gives way when anybody waits for it.
 */
#include "lib/batch/listener.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/probe.h"
#include "procedures/procedures.h"
#include "procedures/vacuum_cost.h"
#include <stdio.h>

/*
 * Tables with more dead rows than autovacuum's own threshold would bear: what it would do soon is
 * done now.  The others are left to it: core_artifact may hold millions of rows that are none of
 * ours, most of its new versions need no entry in an index, and a vacuum may read all its 17.
 */
static const char due_sql[] =
	"SELECT t.name FROM unnest('{container_manifest,core_contentartifact,core_artifact}'::text[])"
	" WITH ORDINALITY t (name, n) JOIN pg_stat_user_tables s ON s.relid = to_regclass(t.name)"
	" WHERE s.n_dead_tup > 50 + 0.2 * s.n_live_tup ORDER BY t.n";

static const double look_again = 0.1; /* seconds between looks whether anybody waits */

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!pg_query(p->db, due_sql, NULL, 0, &r, err))
		return false;
	*ret = pg_rows_count(r) > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%zu table(s) (has|have) many dead rows", pg_rows_count(r));
	return true;
}

static bool somebody_waits(struct pg *watch, int pid, bool *waits, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char text[12];

	snprintf(text, sizeof(text), "%d", pid);
	if (!pg_query(
		    watch,
		    "SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND $1::int = ANY (pg_blocking_pids(l.pid)))",
		    (struct pg_param[]){ PG_P_TEXT(text) }, 1, &r, err))
		return false;
	*waits = pg_bool(r, 0, 0);
	return true;
}

/* While a table is vacuumed. */
struct watch {
	struct pg *db; /* of its own, beside the one that vacuums */
	int pid;
	struct listener *listener;
	double next; /* monotonic time of the next look for those who wait */
	bool waits, failed;
	struct err err;
};

static bool give_way(void *arg)
{
	struct watch *w = arg;
	double now = clock_monotonic();
	bool waits = false;

	if (now >= w->next && !w->failed) {
		w->next = now + look_again;
		w->failed = !somebody_waits(w->db, w->pid, &waits, &w->err);
		/* The one that waited goes on while we end. */
		w->waits = w->waits || waits;
	}
	return w->waits || w->failed ||
	       (w->listener ? listener_hears(w->listener) : stop_requested());
}

enum end { END_DONE, END_GAVE_WAY, END_HELD };

static bool vacuum_table(struct pg *db, struct watch *w, const char *table, enum end *ret,
			 struct err *err)
{
	AUTO_FREE char *sql = xasprintf("VACUUM (SKIP_LOCKED, TRUNCATE off, ANALYZE) %s", table);

	w->waits = false; /* for the table before */
	pg_heed(db, give_way, w);
	bool ok = pg_exec(db, sql, err);
	pg_heed(db, NULL, NULL);
	*ret = ok ? END_DONE : w->waits ? END_GAVE_WAY : END_HELD;
	if (!ok && err->code == ERR_HELD && w->failed)
		*err = w->err;
	return ok || err->code == ERR_HELD;
}

static void add_name(struct strbuf *b, const char *name)
{
	strbuf_addf(b, "%s%s", b->len > 0 ? ", " : "", name);
}

/* What a step has done, over all pauses. */
struct done {
	struct pg_rows *due;
	size_t n; /* of them, done or skipped */
	struct strbuf tables, skipped;
	enum end end;
	struct pulp_schema schema;
	bool known;	    /* the schema */
	bool rested, raced; /* the one at some table, the other at another */
};

/* Users may come, and go, between two tables. */
static bool set_pace(const struct actor *a, struct pg *db, struct done *d, struct err *err)
{
	bool rests = vacuum_rests(a, db, d->known ? &d->schema : NULL);

	d->rested |= rests;
	d->raced |= !rests;
	return vacuum_pace(db, rests, err);
}

static bool vacuum_all(const struct actor *a, struct pg *db, struct watch *w, struct done *d,
		       struct outcome *out, struct err *err)
{
	struct err warning;

	/* Once: a table whose vacuum was cancelled while it was analysed is due no more. */
	if (!d->due && !pg_query(db, due_sql, NULL, 0, &d->due, err))
		return false;
	for (; d->n < pg_rows_count(d->due); d->n++) {
		const char *table = pg_text(d->due, d->n, 0);
		if (!set_pace(a, db, d, err) || !vacuum_table(db, w, table, &d->end, err))
			return false;
		if (d->end != END_DONE)
			break;
		/* Somebody holds it, or our role does not own it: the server warns and goes on. */
		bool left_out = pg_warned(db, &warning);
		add_name(left_out ? &d->skipped : &d->tables, table);
		if (left_out)
			outcome_example(out, "%s", warning.text);
	}
	return true;
}

/* In a pause it has no session but the listener's. */
static bool vacuum_until_held(struct actor *a, struct done *d, double began, struct outcome *out,
			      struct err *err)
{
	struct pg *db = NULL, *watch = NULL;

	struct err ignored;

	d->end = END_DONE;
	bool ok =
		actor_connect(a, "vacuum", &db, err) &&
		actor_connect(a, "vacuum-watch", &watch, err) &&
		pg_exec(db, "SET statement_timeout TO 0; SET client_min_messages TO warning", err);
	struct watch w = { .db = watch, .listener = a->listener };
	if (ok) {
		d->known = pulp_schema_probe(db, false, true, &d->schema, &ignored);
		w.pid = pg_backend_pid(db);
		ok = vacuum_all(a, db, &w, d, out, err);
	}
	if (ok && d->end == END_DONE && d->skipped.len == 0 && !(d->rested && d->raced))
		vacuum_cost_keep(a, db, clock_monotonic() - began, d->rested);
	pg_close(db);
	pg_close(watch);
	return ok;
}

static void report(const struct done *d, struct outcome *out)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	strbuf_adds(&text, d->tables.len > 0 ? d->tables.data : "nothing");
	strbuf_adds(&text, d->tables.len > 0 ? " vacuumed and analysed" : " vacuumed");
	if (d->skipped.len > 0)
		strbuf_addf(&text, "; skipped: %s", d->skipped.data);
	if (d->end != END_DONE)
		strbuf_addf(&text, "; stopped early: %s",
			    d->end == END_HELD ? "a stop was asked for" : "somebody was waiting");
	if (d->end != END_DONE || d->skipped.len > 0)
		strbuf_adds(&text, "; autovacuum will do the rest");
	outcome_set(out, RESULT_OK, "%s", text.data);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct done d = { .end = END_DONE };
	double began = clock_monotonic();
	bool ok;

	(void)params;
	if (a->listener) {
		listener_rest(a->listener); /* it may have listened to look only */
		a->listener->at_work = true;
	}
	for (;;) {
		ok = vacuum_until_held(a, &d, began, out, err);
		double since = clock_monotonic();
		if (!ok || d.end != END_HELD || !a->listener ||
		    !listener_hold(a->listener, procedure_pulp_manifests_vacuum.label))
			break;
		began += clock_monotonic() - since;
	}
	if (a->listener)
		listener_rest(a->listener);
	if (ok)
		report(&d, out);
	strbuf_release(&d.tables);
	strbuf_release(&d.skipped);
	pg_rows_free(d.due);
	return ok;
}

const struct procedure procedure_pulp_manifests_vacuum = {
	.label = "pulp-manifests-vacuum",
	.summary = "vacuum and analyse what the migration has rewritten",
	.explain =
		"Every filled row leaves a dead version, and the statistics still say that no manifest has data. Tables in which "
		"autovacuum would soon start are done now. The vacuum takes no lock that it has to wait for, a table that somebody "
		"holds is skipped and told as skipped, and it is cancelled when anybody waits for it. While a service of Pulp is "
		"online it rests as autovacuum does (autovacuum_vacuum_cost_delay), unless the profile is fast or finalize.",
	.changes =
		"nothing but free space and statistics of container_manifest, core_contentartifact and core_artifact",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB,
	.needed = needed,
	.run = run,
};
