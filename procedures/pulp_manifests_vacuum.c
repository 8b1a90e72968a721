/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * After a migration every row of container_manifest has a dead version, and the planner believes
 * that data and type are all NULL.  VACUUM here never waits for a lock (SKIP_LOCKED), never takes
 * the exclusive one that truncation needs, and gives way when anybody waits for it.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "procedures/cancelable.h"
#include "procedures/procedures.h"
#include "procedures/vacuum_cost.h"
#include <stdio.h>

static const char *const tables[] = { "container_manifest", "core_contentartifact" };

/* More dead rows than autovacuum's own threshold would bear: what it would do soon is done now. */
static const char due_sql[] =
	"SELECT count(*) FROM pg_stat_user_tables WHERE relname IN ('container_manifest', 'core_contentartifact')"
	" AND n_dead_tup > 50 + 0.2 * n_live_tup";

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!pg_query(p->db, due_sql, NULL, 0, &r, err))
		return false;
	*ret = pg_int(r, 0, 0) > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%lld tables have many dead rows",
		    (long long)pg_int(r, 0, 0));
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
};

static bool give_way(void *arg, bool *yes, struct err *err)
{
	const struct watch *w = arg;

	return somebody_waits(w->db, w->pid, yes, err);
}

/* *gave_way: somebody waited for us, or a stop was asked. */
static bool vacuum_table(struct pg *db, struct pg *watch, const char *table, bool *gave_way,
			 struct err *err)
{
	AUTO_FREE char *sql = xasprintf("VACUUM (SKIP_LOCKED, TRUNCATE off, ANALYZE) %s", table);
	struct watch w = { watch, pg_backend_pid(db) };

	return cancelable_exec(
		&(struct cancelable){ .db = db, .sql = sql, .give_way = give_way, .arg = &w },
		gave_way, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct pg *db = NULL, *watch = NULL;
	double began = clock_monotonic();
	bool gave_way = false, ok;

	(void)params;
	ok = actor_connect(a, "vacuum", &db, err) &&
	     actor_connect(a, "vacuum-watch", &watch, err) &&
	     pg_exec(db, "SET statement_timeout TO 0; SET vacuum_cost_delay TO 0", err);
	for (size_t i = 0; ok && !gave_way && i < ARRAY_LEN(tables); i++)
		ok = vacuum_table(db, watch, tables[i], &gave_way, err);
	if (ok && !gave_way)
		vacuum_cost_keep(a, db, clock_monotonic() - began);
	if (ok)
		outcome_set(
			out, RESULT_OK,
			gave_way
				? "stopped early: somebody was waiting; autovacuum will do the rest"
				: "container_manifest and core_contentartifact vacuumed and analysed");
	pg_close(db);
	pg_close(watch);
	return ok;
}

const struct procedure procedure_pulp_manifests_vacuum = {
	.label = "pulp-manifests-vacuum",
	.summary = "vacuum and analyse what the migration has rewritten",
	.explain =
		"Every filled row leaves a dead version, and the statistics still say that no manifest has data. The vacuum takes "
		"no lock that it has to wait for and is cancelled when anybody waits for it.",
	.changes =
		"nothing but free space and statistics of container_manifest and core_contentartifact",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB,
	.needed = needed,
	.run = run,
};
