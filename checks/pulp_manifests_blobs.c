/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A pull asks for each blob through the repository, so a layer that is not in it answers 404 even
 * where Pulp has it.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs =
		"container_blobmanifest.manifest_blob_id core_repositorycontent.version_removed_id",
	.sql = "SELECT m.digest || ' in ' || r.name || ' lacks ' || b.digest, count(*) OVER ()"
	       " FROM (SELECT content_id, repository_id FROM core_repositorycontent{sample} WHERE version_removed_id IS NULL) rc"
	       " JOIN container_manifest m ON m.content_ptr_id = rc.content_id"
	       " JOIN core_repository r ON r.pulp_id = rc.repository_id"
	       " JOIN container_blobmanifest bm ON bm.manifest_id = m.content_ptr_id"
	       " JOIN container_blob b ON b.content_ptr_id = bm.manifest_blob_id"
	       " WHERE NOT EXISTS (SELECT FROM core_repositorycontent o WHERE o.repository_id = rc.repository_id"
	       " AND o.content_id = bm.manifest_blob_id AND o.version_removed_id IS NULL) ORDER BY 1 LIMIT 10",
	.sample_of = "core_repositorycontent",
	.sample_rows = 20000,
	.bad = RESULT_FINDING,
	.sound = "the blobs of every manifest are in its repository",
	.found = "blob(s) (is|are) missing from a repository that has (its|their) manifest",
	.hint = "Sync the repository again, or push the image again.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	return look_in_sample(p, &look, params, out, err);
}

const struct check check_pulp_manifests_blobs = {
	.label = "pulp-manifests-blobs",
	.summary = "the blobs of every manifest are in its repository",
	.source = "container_blobmanifest, core_repositorycontent",
	.explain = "Looks at the latest version of each repository.",
	.cost = "a sample of 20,000 rows of repositories, with --full all",
	.tags = (const char *const[]){ "content", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
