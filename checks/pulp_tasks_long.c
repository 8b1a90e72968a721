/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hanging download or a lost worker shows first as a task that runs for hours. */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.started_at",
	.sql = "SELECT t.name || ' ' || t.pulp_id || ' since ' || to_char(t.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER () FROM core_task t"
	       " WHERE t.state = 'running' AND t.started_at < now() - interval '6 h' ORDER BY t.started_at LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no task has run for more than 6 hours",
	.found = "task(s) (has|have) run for more than 6 hours",
	.hint = "Look at their progress with `pulp task show --uuid UUID`; `pulp task cancel --uuid UUID` ends one.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_long = {
	.label = "pulp-tasks-long",
	.summary = "no task has run for hours",
	.source = "core_task",
	.explain = "A first sync of a large registry may take that long; other tasks do not.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.needs = NEED_DB,
	.run = run,
};
