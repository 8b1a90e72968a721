/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was synced can be synced again; of what was pushed the registry holds the only copy, so a
 * pushed image without data is the one that an upgrade can lose for good.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"
#include "lib/pulp/pending.h"

static const struct look look = {
	.needs = "container_manifest.data container_containerpushrepository.repository_ptr_id",
	.sql = "SELECT DISTINCT m.digest || ' in ' || r.name, count(*) OVER ()"
	       " FROM container_manifest m"
	       " JOIN core_repositorycontent rc ON rc.content_id = m.content_ptr_id AND rc.version_removed_id IS NULL"
	       " JOIN container_containerpushrepository p ON p.repository_ptr_id = rc.repository_id"
	       " JOIN core_repository r ON r.pulp_id = rc.repository_id"
	       " WHERE m.data IS NULL OR m.data = '' ORDER BY 1 LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "every manifest of a push repository has its data",
	.found = "manifest(s) of push repositories (has|have) no data and cannot be synced again",
	.hint = "Run `plmaint pre-migrate run` before any upgrade.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	if (!pending_all_have_data(p))
		return look_for(p, &look, out, err);
	outcome_count(out, "found", 0);
	outcome_set(out, RESULT_OK, "%s", look.sound);
	return true;
}

const struct check check_pulp_manifests_pushed = {
	.label = "pulp-manifests-pushed",
	.summary = "every manifest that was pushed has its data",
	.source = "container_manifest, container_containerpushrepository, core_repositorycontent",
	.explain = "Counts each repository that has the manifest in its latest version.",
	.cost = "one scan of all manifests, where no other check has made it",
	.tags = (const char *const[]){ "pre-upgrade", "content", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-fill", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.run = run,
};
