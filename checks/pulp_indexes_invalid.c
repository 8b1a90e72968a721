/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp adds indexes concurrently (AddIndexConcurrently in its migrations); one that fails leaves
 * an invalid index, which costs every write, serves no read, and proves no unique key.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task",
	.sql = "SELECT i.indexrelid::regclass || ' on ' || i.indrelid::regclass, count(*) OVER () FROM pg_catalog.pg_index i"
	       " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
	       " WHERE NOT i.indisvalid AND (c.relname LIKE 'core\\_%' OR c.relname LIKE 'container\\_%') ORDER BY 1 LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "every index of Pulp is valid",
	.found = "index(es) of Pulp (is|are) invalid",
	.hint = "REINDEX INDEX CONCURRENTLY builds one anew.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_indexes_invalid = {
	.label = "pulp-indexes-invalid",
	.summary = "every index of Pulp is valid",
	.source = "pg_index",
	.explain = "An invalid index is kept up to date by every write and used by no query.",
	.tags = (const char *const[]){ "default", "database", NULL },
	.remedies = (const char *const[]){ "pulp-indexes-rebuild", NULL },
	.needs = NEED_DB,
	.run = run,
};
