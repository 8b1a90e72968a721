/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tag whose manifest is not in the same repository version answers 404 although the tag is
 * listed.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "container_tag.tagged_manifest_id core_repositorycontent.version_removed_id",
	.sql = "SELECT r.name || ':' || t.name, count(*) OVER () FROM container_tag t"
	       " JOIN core_repositorycontent rc ON rc.content_id = t.content_ptr_id AND rc.version_removed_id IS NULL"
	       " JOIN core_repository r ON r.pulp_id = rc.repository_id"
	       " WHERE NOT EXISTS (SELECT FROM core_repositorycontent o WHERE o.repository_id = rc.repository_id"
	       " AND o.content_id = t.tagged_manifest_id AND o.version_removed_id IS NULL) ORDER BY 1 LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "the manifest of every tag is in the tag's repository",
	.found = "tag(s) name(s|) a manifest that is not in (its|their) repository",
	.hint = "Sync the repository again, or push the tag again.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_tags_manifest = {
	.label = "pulp-tags-manifest",
	.summary = "the manifest of every tag is in the tag's repository",
	.source = "container_tag, core_repositorycontent",
	.explain = "Looks at the latest version of each repository.",
	.cost = "every tag",
	.tags = (const char *const[]){ "content", NULL },
	.needs = NEED_DB,
	.run = run,
};
