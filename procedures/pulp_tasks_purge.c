/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Pulp's own purge deletes with a task: its reports, its list of created resources, profiles
 * and roles.  What else may point at a task is asked of the catalogue, since plugins bring tables
 * of their own: a column that may be empty is emptied, and a task that somebody insists on stays.
 */
#include "lib/core/mem.h"
#include "lib/pulp/columns.h"
#include "procedures/batched.h"
#include "procedures/procedures.h"

#include <stdio.h>
#include <string.h>

struct params {
	double older;
	char *states;
};

static const struct opt params_table[] = {
	{ .name = "older",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct params, older),
	  .arg = "TIME",
	  .help = "how long ago a task must have ended",
	  .fallback = "30d" },
	{ .name = "states",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct params, states),
	  .arg = "STATE,...",
	  .help = "in which state it must have ended",
	  .fallback = "completed,failed,canceled,skipped" },
	OPTS_END,
};

/* A state that is not final is not matched, whatever was asked for. */
#define OLD                                                         \
	"t.finished_at < now() - make_interval(secs => $1::float8)" \
	" AND t.state = ANY (string_to_array($2, ','))"             \
	" AND t.state IN ('completed', 'failed', 'canceled', 'skipped')"

/* Table, column, whether it may be empty, whether it is deleted with the task. */
static const char pointing_sql[] =
	"SELECT c.conrelid::regclass::text, quote_ident(a.attname), NOT a.attnotnull,"
	" r.relname IN ('core_progressreport', 'core_createdresource', 'core_profileartifact')"
	" FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class r ON r.oid = c.conrelid"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
	" WHERE c.contype = 'f' AND c.confrelid = 'core_task'::regclass AND cardinality(c.conkey) = 1"
	" ORDER BY 1, 2";

static void as_params(const struct params *o, char seconds[32], struct pg_param params[2])
{
	snprintf(seconds, 32, "%.3f", o->older);
	params[0] = (struct pg_param)PG_P_TEXT(seconds);
	params[1] = (struct pg_param)PG_P_TEXT(o->states);
}

static bool count(const struct probe *p, const struct params *o, int64_t *n, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct pg_param params[2];
	char seconds[32];

	as_params(o, seconds, params);
	if (!pg_query(p->db, "SELECT count(*) FROM core_task t WHERE " OLD, params, 2, &r, err))
		return false;
	*n = pg_int(r, 0, 0);
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	int64_t n;

	if (!count(p, params, &n, err))
		return false;
	*ret = n > 0;
	outcome_set(why, n ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%lld finished task(s) (is|are) that old", (long long)n);
	return true;
}

/* The statement of a batch; NULL with err set. */
static char *purge_words(const struct probe *p, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_STRBUF struct strbuf with = { 0 };
	AUTO_STRBUF struct strbuf keep = { 0 };
	const struct pulp_columns *c;

	if (!pulp_columns_known(p, &c, err) || !pg_query(p->db, pointing_sql, NULL, 0, &r, err))
		return NULL;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		const char *table = pg_text(r, i, 0), *column = pg_text(r, i, 1);

		if (pg_bool(r, i, 3))
			strbuf_addf(
				&with,
				", d%zu AS (DELETE FROM %s WHERE %s IN (SELECT pulp_id FROM old))",
				i, table, column);
		else if (pg_bool(r, i, 2))
			strbuf_addf(
				&with,
				", d%zu AS (UPDATE %s SET %s = NULL WHERE %s IN (SELECT pulp_id FROM old)%s)",
				i, table, column, column,
				/* A child that goes too is no row to change. */
				strcmp(table, "core_task") == 0
					? " AND pulp_id NOT IN (SELECT pulp_id FROM old)"
					: "");
		else
			strbuf_addf(&keep,
				    " AND NOT EXISTS (SELECT FROM %s k WHERE k.%s = t.pulp_id)",
				    table, column);
	}
	for (int i = 0; i < 2; i++) {
		static const char *const roles[] = { "core_userrole", "core_grouprole" };
		AUTO_FREE char *column = xasprintf("%s.object_id", roles[i]);

		if (pulp_has(c, column))
			strbuf_addf(
				&with,
				", r%d AS (DELETE FROM %s WHERE object_id IN (SELECT pulp_id::text FROM old))",
				i, roles[i]);
	}
	return xasprintf("WITH old AS MATERIALIZED (SELECT t.pulp_id FROM core_task t WHERE " OLD
			 "%s LIMIT " BATCHED_ROWS " FOR UPDATE OF t SKIP LOCKED)%s"
			 " DELETE FROM core_task WHERE pulp_id IN (SELECT pulp_id FROM old)",
			 keep.data ? keep.data : "", with.data ? with.data : "");
}

static bool purge(struct actor *a, struct pg *db, const struct batched *b, int64_t total,
		  int64_t *n, struct err *err)
{
	struct headway h = headway_begin(a, "pulp-tasks-purge", total);

	return batched_run(db, b, &h, n, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct pg_param values[2];
	struct pg *db = NULL;
	int64_t n = 0, total = 0, left = 0;
	char seconds[32];
	AUTO_FREE char *sql = purge_words(a->look, err);

	as_params(params, seconds, values);
	bool ok = sql && count(a->look, params, &total, err) &&
		  actor_connect(a, "purge", &db, err) &&
		  purge(a, db, &(struct batched){ .sql = sql, .params = values, .n_params = 2 },
			total, &n, err) &&
		  count(a->look, params, &left, err);
	pg_close(db);
	outcome_count(out, "rows", n);
	if (ok)
		outcome_set(out, left ? RESULT_WARNING : RESULT_OK,
			    "%lld finished task(s) deleted, %lld left", (long long)n,
			    (long long)left);
	if (ok && left)
		outcome_hint(out, "They are locked, or a table of a plugin insists on them.");
	return ok;
}

const struct procedure procedure_pulp_tasks_purge = {
	.label = "pulp-tasks-purge",
	.summary = "delete finished tasks that are old",
	.explain =
		"As `pulp task purge` does, of all domains, in small batches that leave the database half of the time to others. "
		"Look at what failed before: its error goes with it.",
	.changes = "core_task, and the reports, created resources, profiles and roles of the tasks",
	.deletes = "finished tasks with their reports",
	.tags = (const char *const[]){ "fix", "tasks", "online", NULL },
	.needs = NEED_DB,
	.params = params_table,
	.params_size = sizeof(struct params),
	.needed = needed,
	.run = run,
};
