/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A migrate or a restart under a running task leaves it half done. Pulp calls these three states
 * incomplete; every other one is final.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task.state",
	.sql = "SELECT t.state || ': ' || t.name || ' ' || t.pulp_id || ' since ' || to_char(coalesce(t.started_at, t.pulp_created) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER ()"
	       " FROM core_task t WHERE t.state IN ('waiting', 'running', 'canceling') ORDER BY t.pulp_created LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "no task is waiting or at work",
	.found = "task(s) (is|are) waiting or at work",
	.hint = "Wait for them, or cancel one with `pulp task cancel --uuid UUID`.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tasks_incomplete = {
	.label = "pulp-tasks-incomplete",
	.summary = "no task of Pulp is waiting or at work",
	.source = "core_task",
	.explain =
		"Before an upgrade or a maintenance: a task that is ended by a stop leaves what it had made, and starts anew or never.",
	.tags = (const char *const[]){ "pre-upgrade", "tasks", NULL },
	.needs = NEED_DB,
	.run = run,
};
