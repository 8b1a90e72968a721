/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Artifacts that no content uses fill the disk until an orphan cleanup deletes them; nothing
 * starts one by itself before pulpcore 3.91.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_artifact.timestamp_of_interest core_contentartifact.artifact_id",
	.sql = "SELECT a.file || ', ' || a.size || ' bytes', count(*) OVER ()"
	       " FROM (SELECT pulp_id, file, size FROM core_artifact{sample} WHERE timestamp_of_interest < now() - interval '1 day') a"
	       " WHERE NOT EXISTS (SELECT FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id) ORDER BY a.size DESC LIMIT 10",
	.sample_of = "core_artifact",
	.sample_rows = 20000,
	.bad = RESULT_WARNING,
	.sound = "every artifact older than a day is in use",
	.found = "artifact(s) (is|are) in use by no content",
	.hint = "`pulp orphan cleanup` deletes them; look at pulp-manifests-recoverable first.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	return look_in_sample(p, &look, params, out, err);
}

const struct check check_pulp_artifacts_orphaned = {
	.label = "pulp-artifacts-orphaned",
	.summary = "no artifact is left over",
	.source = "core_artifact, core_contentartifact",
	.explain =
		"Those younger than a day are protected by Pulp's default (ORPHAN_PROTECTION_TIME, 1440 minutes).",
	.cost = "a sample of 20,000 artifacts, with --full all",
	.tags = (const char *const[]){ "storage", NULL },
	.remedies = (const char *const[]){ "pulp-orphans-cleanup", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
