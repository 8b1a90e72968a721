/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp's own repair, by its API, without looking at checksums: files that are missing are
 * downloaded again where a remote has them.  With checksums it would delete files that are corrupt,
 * also the only copy of what was pushed.
 */
#include "procedures/api_task.h"
#include "procedures/patience.h"
#include "procedures/procedures.h"

struct params {
	double timeout;
};

static const struct opt params_table[] = {
	PATIENCE_ROW(struct params, "how long Pulp's task is waited for"),
	OPTS_END,
};

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct params *o = params;

	return api_task_run(a,
			    &(struct api_task){ .label = procedure_pulp_artifacts_repair.label,
						.path = "repair/",
						.body = "{\"verify_checksums\": false}",
						.timeout = o->timeout,
						.ended = "Pulp's repair has ended" },
			    out, err);
}

const struct procedure procedure_pulp_artifacts_repair = {
	.label = "pulp-artifacts-repair",
	.summary = "let Pulp download again what is missing on disk",
	.explain =
		"Asks Pulp's API for its repair and waits for the task. What was pushed has no remote and is left as it is; files "
		"are not read, so that none is deleted because its content is corrupt.",
	.changes = "files of artifacts that are missing, by Pulp",
	.tags = (const char *const[]){ "fix", "storage", "online", NULL },
	.needs = NEED_SETTINGS,
	.params = params_table,
	.params_size = sizeof(struct params),
	.run = run,
};
