/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An upgrade of the operating system may bring other rules for sorting text; indexes that were made
 * with the old ones then miss rows and let duplicates in.  PostgreSQL 15 remembers the version of a
 * database's default collation.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

enum { SINCE = 150000 };

static const struct look look = {
	.needs = "core_task",
	.sql = "SELECT datname || ': made with ' || datcollversion || ', now ' ||"
	       " coalesce(pg_catalog.pg_database_collation_actual_version(oid), 'without one'), count(*) OVER ()"
	       " FROM pg_catalog.pg_database WHERE datname = current_database()"
	       " AND datcollversion IS NOT NULL AND datcollversion IS DISTINCT FROM"
	       " pg_catalog.pg_database_collation_actual_version(oid) LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "the database sorts as it did when its indexes were made",
	.found = "database sorts text by other rules than its indexes were made with",
	.hint = "REINDEX DATABASE while Pulp is stopped, then ALTER DATABASE ... REFRESH COLLATION VERSION.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	if (pg_server_version(p->db) >= SINCE)
		return look_for(p, &look, out, err);
	outcome_set(out, RESULT_SKIPPED,
		    "PostgreSQL before 15 does not remember what it sorted by");
	return true;
}

const struct check check_pulp_collation = {
	.label = "pulp-collation",
	.summary = "the database sorts text as when its indexes were made",
	.source = "pg_database, and the server's library",
	.explain = "Compares the version of the collation that the database was made with and the "
		   "one that the system has now.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
