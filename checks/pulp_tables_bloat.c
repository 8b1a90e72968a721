/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks and migrations rewrite whole tables; where autovacuum does not keep up, every scan reads
 * the dead rows too.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task",
	.sql = "SELECT s.relname || ': ' || s.n_dead_tup || ' dead, ' || s.n_live_tup || ' live', count(*) OVER ()"
	       " FROM pg_catalog.pg_stat_user_tables s WHERE (s.relname LIKE 'core\\_%' OR s.relname LIKE 'container\\_%')"
	       " AND s.n_dead_tup > 10000 AND s.n_dead_tup > s.n_live_tup ORDER BY s.n_dead_tup DESC LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no table of Pulp has more dead rows than live ones",
	.found = "table(s) of Pulp (has|have) more dead rows than live ones",
	.hint = "Run VACUUM (ANALYZE) on them, and look for a transaction that stays open: pulp-transactions-long.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tables_bloat = {
	.label = "pulp-tables-bloat",
	.summary = "no table of Pulp is mostly dead rows",
	.source = "pg_stat_user_tables",
	.explain = "By the server's own counts, from 10,000 dead rows on.",
	.tags = (const char *const[]){ "default", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
