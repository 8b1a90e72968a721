/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * After a migration every row of container_manifest has a dead version, and the planner believes
 * that data and type are all NULL.  Each dropped link leaves one in core_contentartifact and, since
 * its time is renewed, in core_artifact.  VACUUM here never waits for a lock (SKIP_LOCKED), never
 * takes the exclusive one that truncation needs, and gives way when anybody waits for it.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/probe.h"
#include "procedures/cancelable.h"
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

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!pg_query(p->db, due_sql, NULL, 0, &r, err))
		return false;
	*ret = pg_rows_count(r) > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%zu tables have many dead rows",
		    pg_rows_count(r));
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

struct watch {
	struct pg *db; /* of its own, beside the one that vacuums */
	int pid;
	bool waits;
};

static bool give_way(void *arg, bool *yes, struct err *err)
{
	struct watch *w = arg;

	if (!somebody_waits(w->db, w->pid, yes, err))
		return false;
	w->waits = w->waits || *yes; /* the one that waited goes on while we end */
	return true;
}

/* *gave_way: why it was cancelled, or NULL. */
static bool vacuum_table(struct pg *db, struct pg *watch, const char *table, const char **gave_way,
			 struct err *err)
{
	AUTO_FREE char *sql = xasprintf("VACUUM (SKIP_LOCKED, TRUNCATE off, ANALYZE) %s", table);
	struct watch w = { .db = watch, .pid = pg_backend_pid(db) };
	bool cancelled;

	if (!cancelable_exec(
		    &(struct cancelable){ .db = db, .sql = sql, .give_way = give_way, .arg = &w },
		    &cancelled, err))
		return false;
	*gave_way = !cancelled ? NULL : w.waits ? "somebody was waiting" : "a stop was asked for";
	return true;
}

static void add_name(struct strbuf *b, const char *name)
{
	strbuf_addf(b, "%s%s", b->len > 0 ? ", " : "", name);
}

/* *all: nothing that was due is left. */
static bool vacuum_all(struct pg *db, struct pg *watch, bool *all, struct outcome *out,
		       struct err *err)
{
	AUTO_STRBUF struct strbuf text = { 0 }, skipped = { 0 };
	AUTO_ROWS struct pg_rows *due = NULL;
	const char *gave_way = NULL;
	struct err warning;

	if (!pg_query(db, due_sql, NULL, 0, &due, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(due); i++) {
		const char *table = pg_text(due, i, 0);
		if (!vacuum_table(db, watch, table, &gave_way, err))
			return false;
		if (gave_way)
			break;
		/* Somebody holds it, or our role does not own it: the server warns and goes on. */
		bool left_out = pg_warned(db, &warning);
		add_name(left_out ? &skipped : &text, table);
		if (left_out)
			outcome_example(out, "%s", warning.text);
	}
	strbuf_adds(&text, text.len > 0 ? " vacuumed and analysed" : "nothing vacuumed");
	if (skipped.len > 0)
		strbuf_addf(&text, "; skipped: %s", skipped.data);
	if (gave_way)
		strbuf_addf(&text, "; stopped early: %s", gave_way);
	*all = skipped.len == 0 && !gave_way;
	if (!*all)
		strbuf_adds(&text, "; autovacuum will do the rest");
	outcome_set(out, RESULT_OK, "%s", text.data);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct pg *db = NULL, *watch = NULL;
	double began = clock_monotonic();
	bool all;

	(void)params;
	bool ok = actor_connect(a, "vacuum", &db, err) &&
		  actor_connect(a, "vacuum-watch", &watch, err) &&
		  pg_exec(db,
			  "SET statement_timeout TO 0; SET vacuum_cost_delay TO 0;"
			  " SET client_min_messages TO warning",
			  err) &&
		  vacuum_all(db, watch, &all, out, err);
	if (ok && all)
		vacuum_cost_keep(a, db, clock_monotonic() - began);
	pg_close(db);
	pg_close(watch);
	return ok;
}

const struct procedure procedure_pulp_manifests_vacuum = {
	.label = "pulp-manifests-vacuum",
	.summary = "vacuum and analyse what the migration has rewritten",
	.explain =
		"Every filled row leaves a dead version, and the statistics still say that no manifest has data. Tables in which "
		"autovacuum would soon start are done now. The vacuum takes no lock that it has to wait for, a table that somebody "
		"holds is skipped and told as skipped, and it is cancelled when anybody waits for it.",
	.changes =
		"nothing but free space and statistics of container_manifest, core_contentartifact and core_artifact",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB,
	.needed = needed,
	.run = run,
};
