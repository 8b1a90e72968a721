/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks are kept for ever unless TASK_PROTECTION_TIME or a purge says otherwise; their rows and
 * reports slow down every list.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.finished_at",
	.sql = "SELECT g.n || ' ' || g.state || ', the oldest from ' || to_char(g.oldest AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), (sum(g.n) OVER ())::int8"
	       " FROM (SELECT state, count(*) AS n, min(finished_at) AS oldest FROM core_task"
	       " WHERE finished_at < now() - interval '30 days' GROUP BY state) g ORDER BY g.n DESC LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no finished task is older than 30 days",
	.found = "finished task(s) (is|are) older than 30 days",
	.hint = "`pulp task purge --finished-before DATE` deletes them; look at what failed first.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_old = {
	.label = "pulp-tasks-old",
	.summary = "no finished task is older than 30 days",
	.source = "core_task",
	.explain =
		"Old tasks are rows that nobody reads; a purge deletes them with their progress reports.",
	.tags = (const char *const[]){ "tasks", NULL },
	.remedies = (const char *const[]){ "pulp-tasks-purge", NULL },
	.needs = NEED_DB,
	.run = run,
};
