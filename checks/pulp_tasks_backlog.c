/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Upstream's own threshold for ready work that nobody takes is five seconds (its metric of
 * unblocked tasks).
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.unblocked_at",
	.sql = "SELECT t.name || ' ' || t.pulp_id || ' ready since ' || to_char(t.unblocked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER () FROM core_task t"
	       " WHERE t.state = 'waiting' AND t.unblocked_at < now() - interval '5 s' ORDER BY t.unblocked_at LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "every task that is ready has a worker",
	.found = "task(s) (has|have) been ready for more than 5 s and no worker takes (it|them)",
	.hint = "Look whether the workers are well with pulp-workers-online, or start more of them.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_backlog = {
	.label = "pulp-tasks-backlog",
	.summary = "tasks that are ready are taken by a worker",
	.source = "core_task",
	.explain =
		"A task is ready when the resources that it asks for are free. It should then wait for no more than a moment.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.needs = NEED_DB,
	.run = run,
};
