/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * No column tells when the cancel was asked for, so the start of the task stands in: what has run
 * for ten minutes and is still being canceled has no worker that hears it, or one that is stuck.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.started_at",
	.sql = "SELECT t.name || ' ' || t.pulp_id || ' since ' || to_char(coalesce(t.started_at, t.pulp_created) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER () FROM core_task t"
	       " WHERE t.state = 'canceling' AND coalesce(t.started_at, t.pulp_created) < now() - interval '10 min'"
	       " ORDER BY t.pulp_created LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "no task is stuck in being canceled",
	.found = "task(s) (is|are) being canceled and (does|do) not end",
	.hint = "Restart the workers: they end such tasks when they start.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_canceling = {
	.label = "pulp-tasks-canceling",
	.summary = "no task is stuck in being canceled",
	.source = "core_task",
	.explain =
		"A worker looks for the wish to cancel every few seconds. A task that stays in this state keeps its resources.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.remedies = (const char *const[]){ "pulp-tasks-cancel", NULL },
	.needs = NEED_DB,
	.run = run,
};
