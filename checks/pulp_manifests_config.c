/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An image's configuration is a blob of its own; without its file the labels and the platform of
 * the image cannot be derived, and it cannot be pulled. What was only not downloaded yet has a
 * remote artifact and is left out.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "container_manifest.config_blob_id core_remoteartifact.content_artifact_id",
	.sql = "SELECT m.digest || ' in ' || coalesce((SELECT min(r.name) FROM core_repositorycontent i JOIN core_repository r ON r.pulp_id = i.repository_id"
	       " WHERE i.content_id = m.content_ptr_id AND i.version_removed_id IS NULL), 'no repository'), count(*) OVER ()"
	       " FROM (SELECT content_ptr_id, digest, config_blob_id FROM container_manifest{sample}) m"
	       " LEFT JOIN core_contentartifact c ON c.content_id = m.config_blob_id"
	       " WHERE m.config_blob_id IS NOT NULL AND c.artifact_id IS NULL"
	       " AND NOT EXISTS (SELECT FROM core_remoteartifact r WHERE r.content_artifact_id = c.pulp_id) ORDER BY m.digest LIMIT 10",
	.sample_of = "container_manifest",
	.sample_rows = 20000,
	.bad = RESULT_FINDING,
	.sound = "every configuration has its file or a remote to fetch it from",
	.found = "manifest(s) (has|have) a configuration that is gone and cannot be fetched",
	.hint = "Push or sync these images again.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	return look_in_sample(p, &look, params, out, err);
}

const struct check check_pulp_manifests_config = {
	.label = "pulp-manifests-config",
	.summary = "every image's configuration is there or can be fetched",
	.source = "container_manifest, core_contentartifact, core_remoteartifact",
	.explain =
		"The configuration blob has to be linked to an artifact, or to a remote that has it.",
	.cost = "a sample of 20,000 manifests, with --full all",
	.tags = (const char *const[]){ "content", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
