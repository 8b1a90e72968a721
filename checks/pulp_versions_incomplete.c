/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A worker that dies while it makes a repository version leaves it incomplete; Pulp hides it, and
 * the next version builds on the one before.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_repositoryversion.complete core_task.reserved_resources_record",
	.sql = "SELECT r.name || ' version ' || v.number, count(*) OVER () FROM core_repositoryversion v"
	       " JOIN core_repository r ON r.pulp_id = v.repository_id"
	       " WHERE NOT v.complete AND v.pulp_created < now() - interval '1 h'"
	       " AND NOT EXISTS (SELECT FROM core_task t WHERE t.state IN ('running', 'canceling')"
	       " AND array_to_string(t.reserved_resources_record, ' ') LIKE '%' || r.pulp_id || '%') ORDER BY 1 LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "no repository version is incomplete",
	.found = "repository version(s) (is|are) incomplete and no task works on (it|them)",
	.hint = "Sync or push to the repository anew; if they stay, restart the workers, which end the task that made them.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_versions_incomplete = {
	.label = "pulp-versions-incomplete",
	.summary = "no repository version was left incomplete",
	.source = "core_repositoryversion, core_task",
	.explain = "Those of the last hour may still be in the making.",
	.tags = (const char *const[]){ "default", "content", NULL },
	.needs = NEED_DB,
	.run = run,
};
