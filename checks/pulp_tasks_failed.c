/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Failed syncs are silent unless somebody looks; the same error many times is worth a look. */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.error core_task.finished_at",
	.sql = "SELECT g.n || ' time(s) ' || g.name || ': ' || left(coalesce(g.why, 'no description'), 200), (sum(g.n) OVER ())::int8"
	       " FROM (SELECT name, error ->> 'description' AS why, count(*) AS n FROM core_task"
	       " WHERE state = 'failed' AND finished_at > now() - interval '1 day' GROUP BY 1, 2) g"
	       " ORDER BY g.n DESC, g.name LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no task has failed in the last 24 hours",
	.found = "task(s) (has|have) failed in the last 24 hours",
	.hint = "`pulp task list --state failed` shows each with its traceback.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_failed = {
	.label = "pulp-tasks-failed",
	.summary = "no task has failed in the last 24 hours",
	.source = "core_task",
	.explain = "Tasks that failed are grouped by name and error.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.needs = NEED_DB,
	.run = run,
};
