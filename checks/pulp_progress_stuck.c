/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Progress reports of a task whose worker died stay in the state running for ever; upstream has a
 * command for it (clean-up-progress-reports).
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_progressreport.state core_task.state",
	.sql = "SELECT p.message || ' of ' || t.name || ' ' || t.pulp_id, count(*) OVER () FROM core_progressreport p JOIN core_task t ON t.pulp_id = p.task_id"
	       " WHERE p.state = 'running' AND t.state IN ('failed', 'canceled') ORDER BY p.pulp_created LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no progress report outlived its task",
	.found =
		"progress report(s) say(s|) running although (its|their) task failed or was canceled",
	.hint = "Run `pulpcore-manager clean-up-progress-reports` as Pulp's user.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_progress_stuck = {
	.label = "pulp-progress-stuck",
	.summary = "no progress report says running after its task has ended",
	.source = "core_progressreport, core_task",
	.explain = "They do no harm but mislead whoever looks at a task.",
	.tags = (const char *const[]){ "tasks", NULL },
	.remedies = (const char *const[]){ "pulp-progress-clean", NULL },
	.needs = NEED_DB,
	.run = run,
};
