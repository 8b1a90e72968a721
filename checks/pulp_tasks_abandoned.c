/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A task that runs has an owner: lib/pulp/task_owner.h. */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/pulp/look.h"
#include "lib/pulp/task_owner.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct pulp_columns *c;

	(void)params;
	if (!pulp_columns_known(p, &c, err))
		return false;
	AUTO_FREE char *abandoned = task_abandoned(c, "t");
	AUTO_FREE char *sql = xasprintf(
		"SELECT t.name || ' ' || t.pulp_id || ', ' || t.state || ' since '"
		" || to_char(coalesce(t.started_at, t.pulp_created) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
		" count(*) OVER () FROM core_task t WHERE t.state IN ('running', 'canceling')"
		" AND %s ORDER BY t.pulp_created LIMIT 10",
		abandoned);

	return look_for(
		p,
		&(struct look){ .needs = "core_task.started_at",
				.sql = sql,
				.bad = RESULT_FINDING,
				.sound = "every task at work has a worker",
				.found = "task(s) (is|are) marked as running and no worker has "
					 "(it|them)",
				.hint = "`pulp task cancel --uuid UUID` ends one and frees "
					"what it holds; running workers do so by themselves "
					"after a while." },
		out, err);
}

const struct check check_pulp_tasks_abandoned = {
	.label = "pulp-tasks-abandoned",
	.summary = "every task at work has a worker",
	.source = "core_task, the heartbeats, pg_locks",
	.explain = "A worker that was killed leaves its task behind, and all that wants the same "
		   "repository waits for it.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.remedies = (const char *const[]){ "pulp-tasks-cancel", NULL },
	.needs = NEED_DB,
	.run = run,
};
