/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A list names an image for each platform; one that is not in the list's repository answers 404
 * on that platform alone, which nobody notices on another. The two foreign keys of this table are
 * swapped upstream: image_manifest_id holds the list.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs =
		"container_manifestlistmanifest.image_manifest_id core_repositorycontent.version_removed_id",
	.sql = "SELECT l.digest || ' in ' || r.name || ' lacks ' || c.digest || ' (' || lm.os || '/' || lm.architecture || ')', count(*) OVER ()"
	       " FROM container_manifestlistmanifest lm"
	       " JOIN core_repositorycontent rc ON rc.content_id = lm.image_manifest_id AND rc.version_removed_id IS NULL"
	       " JOIN core_repository r ON r.pulp_id = rc.repository_id"
	       " JOIN container_manifest l ON l.content_ptr_id = lm.image_manifest_id"
	       " JOIN container_manifest c ON c.content_ptr_id = lm.manifest_list_id"
	       " WHERE NOT EXISTS (SELECT FROM core_repositorycontent o WHERE o.repository_id = rc.repository_id"
	       " AND o.content_id = lm.manifest_list_id AND o.version_removed_id IS NULL) ORDER BY 1 LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "the images of every list are in its repository",
	.found = "image(s) of a list (is|are) missing from its repository",
	.hint = "Sync the repository again, or push the list with all its images.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_lists_children = {
	.label = "pulp-lists-children",
	.summary = "the images of every manifest list are in its repository",
	.source = "container_manifestlistmanifest, core_repositorycontent",
	.explain = "Looks at the latest version of each repository.",
	.cost = "every image of every list",
	.tags = (const char *const[]){ "content", NULL },
	.needs = NEED_DB,
	.run = run,
};
