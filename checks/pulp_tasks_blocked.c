/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A task waits for resources that another one holds; when that one never ends, neither does the
 * wait.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.unblocked_at",
	.sql = "SELECT t.name || ' ' || t.pulp_id || ' since ' || to_char(t.pulp_created AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') || coalesce(', wants ' || t.reserved_resources_record[1], ''),"
	       " count(*) OVER () FROM core_task t"
	       " WHERE t.state = 'waiting' AND t.unblocked_at IS NULL AND t.pulp_created < now() - interval '1 h'"
	       " ORDER BY t.pulp_created LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no task has been blocked for more than an hour",
	.found = "task(s) (has|have) been blocked for more than an hour",
	.hint = "Look at the oldest task that runs with `pulp task list --state running`: it holds what they want.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_blocked = {
	.label = "pulp-tasks-blocked",
	.summary = "no task has been blocked for long",
	.source = "core_task",
	.explain =
		"Tasks on one repository run one after the other. The first of a long row may be abandoned or hang.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.remedies = (const char *const[]){ "pulp-tasks-cancel", NULL },
	.needs = NEED_DB,
	.run = run,
};
