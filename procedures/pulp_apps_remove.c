/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process of Pulp that was killed leaves its heartbeat behind.  Pulp deletes such rows too, and
 * as it does the tasks that they owned lose their owner, which is how workers find them.  A process
 * that only hung ends by itself when it finds its row gone.
 */
#include "lib/core/mem.h"
#include "lib/pulp/columns.h"
#include "procedures/batched.h"
#include "procedures/procedures.h"

#include <stdio.h>

struct params {
	double silent;
};

static const struct opt params_table[] = {
	{ .name = "silent",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct params, silent),
	  .arg = "TIME",
	  .help = "how long beyond its time to live a service must have been silent",
	  .fallback = "5m" },
	OPTS_END,
};

/* Both generations: pulpcore 3.85 to 3.89 write to both. */
static const struct generation {
	const char *table, *owned; /* owned: the column of core_task that points there */
	size_t ttl;		   /* offset into struct place of the time to live, where the table
				      has none */
	double usual;
} generations[] = {
	{ "core_appstatus", "app_lock_id", 0, 0 },
	{ "core_worker", "worker_id", offsetof(struct place, worker_ttl), 30 },
	{ "core_contentappstatus", NULL, offsetof(struct place, content_ttl), 30 },
	{ "core_apiappstatus", NULL, offsetof(struct place, api_ttl), 120 },
};

static double ttl_of(const struct place *at, const struct generation *g)
{
	double set = *(const double *)(const void *)((const char *)at + g->ttl);

	return set > 0 ? set : g->usual;
}

/* Which rows have vanished, to stand behind FROM: the parameter is the time of silence. */
static char *vanished(const struct probe *p, const struct generation *g)
{
	static const char silent[] = "make_interval(secs => $1::float8)";

	if (!g->ttl)
		return xasprintf("%s WHERE last_heartbeat < now() - ttl - %s", g->table, silent);
	return xasprintf("%s WHERE last_heartbeat < now() - %.3f * interval '1 s' - %s", g->table,
			 ttl_of(&p->place, g), silent);
}

/* The owner's column of a task is emptied in the same statement. */
static char *removal(const struct probe *p, const struct pulp_columns *c,
		     const struct generation *g)
{
	AUTO_FREE char *from = vanished(p, g);
	AUTO_FREE char *column = g->owned ? xasprintf("core_task.%s", g->owned) : NULL;
	AUTO_FREE char *freed = column && pulp_has(c, column)
					? xasprintf(", freed AS (UPDATE core_task SET %s = NULL"
						    " WHERE %s IN (SELECT pulp_id FROM gone))",
						    g->owned, g->owned)
					: xstrdup("");

	return xasprintf("WITH gone AS MATERIALIZED (SELECT pulp_id FROM %s LIMIT " BATCHED_ROWS
			 " FOR UPDATE SKIP LOCKED)%s"
			 " DELETE FROM %s WHERE pulp_id IN (SELECT pulp_id FROM gone)",
			 from, freed, g->table);
}

static bool count(const struct probe *p, const struct pulp_columns *c, const struct params *o,
		  int64_t *n, struct err *err)
{
	char silent[32];
	const struct pg_param params[] = { PG_P_TEXT(silent) };

	snprintf(silent, sizeof(silent), "%.3f", o->silent);
	*n = 0;
	for (size_t i = 0; i < ARRAY_LEN(generations); i++) {
		AUTO_ROWS struct pg_rows *r = NULL;
		AUTO_FREE char *from = vanished(p, &generations[i]);
		AUTO_FREE char *sql = xasprintf("SELECT count(*) FROM %s", from);

		if (!pulp_has(c, generations[i].table))
			continue;
		if (!pg_query(p->db, sql, params, 1, &r, err))
			return false;
		*n += pg_int(r, 0, 0);
	}
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	const struct pulp_columns *c;
	int64_t n;

	if (!pulp_columns_known(p, &c, err) || !count(p, c, params, &n, err))
		return false;
	*ret = n > 0;
	outcome_set(why, n ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%lld service(s) (has|have) been silent for longer than allowed", (long long)n);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct params *o = params;
	const struct pulp_columns *c;
	struct pg *db = NULL;
	int64_t n = 0, total = 0;
	char silent[32];
	bool ok = pulp_columns_known(a->look, &c, err) && count(a->look, c, o, &total, err) &&
		  actor_connect(a, "apps", &db, err);
	struct headway h = headway_begin(a, "pulp-apps-remove", total);

	snprintf(silent, sizeof(silent), "%.3f", o->silent);
	for (size_t i = 0; ok && i < ARRAY_LEN(generations); i++) {
		if (!pulp_has(c, generations[i].table))
			continue;
		AUTO_FREE char *sql = removal(a->look, c, &generations[i]);

		ok = batched_run(
			db,
			&(struct batched){ .sql = sql,
					   .params = (struct pg_param[]){ PG_P_TEXT(silent) },
					   .n_params = 1 },
			&h, &n, err);
	}
	pg_close(db);
	outcome_count(out, "rows", n);
	if (ok)
		outcome_set(out, RESULT_OK,
			    "%lld service(s) that (has|have) vanished (was|were) signed off",
			    (long long)n);
	return ok;
}

const struct procedure procedure_pulp_apps_remove = {
	.label = "pulp-apps-remove",
	.summary = "sign off services of Pulp that have vanished",
	.explain =
		"A process that was killed cannot sign off. Until its row is deleted it stands in the status, holds the tasks "
		"that it had, and may hold up a migration of Pulp's that looks for old versions.",
	.changes = "rows of core_appstatus or the tables before it, and the owner of their tasks",
	.deletes = "rows of services that have vanished",
	.tags = (const char *const[]){ "fix", "services", "online", NULL },
	.needs = NEED_DB,
	.params = params_table,
	.params_size = sizeof(struct params),
	.needed = needed,
	.run = run,
};
