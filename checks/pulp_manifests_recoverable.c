/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which rows without data can still be saved. The class that matters most is unlinked: Pulp's own
 * command dropped the link before it saved the data, the next orphan cleanup deletes the
 * artifact, and from pulpcore 3.91 on a worker's first act is one.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"
#include "lib/pulp/pending.h"

static const struct look look = {
	.needs = "container_manifest.data core_remoteartifact.content_artifact_id",
	.sql = "SELECT g.n || ' ' || substr(g.class, 3), (sum(g.n) OVER ())::int8 FROM (SELECT CASE"
	       " WHEN EXISTS (SELECT FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id AND c.artifact_id IS NOT NULL)"
	       " THEN '1 linked to their artifact: pre-migrate fills them'"
	       " WHEN EXISTS (SELECT FROM core_artifact a WHERE a.sha256 = substr(m.digest, 8))"
	       " THEN '2 unlinked, with their artifact still there: pre-migrate brings them back'"
	       " WHEN EXISTS (SELECT FROM core_contentartifact c JOIN core_remoteartifact r ON r.content_artifact_id = c.pulp_id"
	       " WHERE c.content_id = m.content_ptr_id) THEN '3 not downloaded: a sync or a pull fetches them'"
	       " ELSE '4 lost: only a push or a sync of the image brings them back' END AS class, count(*) AS n"
	       " FROM container_manifest m WHERE m.data IS NULL OR m.data = '' GROUP BY 1) g ORDER BY g.class LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "no manifest waits for its data",
	.found = "manifest(s) (has|have) no data",
	.hint = "Run `plmaint pre-migrate run` before any upgrade and before any orphan cleanup.",
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

const struct check check_pulp_manifests_recoverable = {
	.label = "pulp-manifests-recoverable",
	.summary = "no manifest is without data, and what can be saved of them",
	.source = "container_manifest, core_contentartifact, core_artifact, core_remoteartifact",
	.explain =
		"Manifests without data by what is left of them: the linked artifact, an artifact of the same sha256, a remote, or nothing.",
	.cost = "one scan of all manifests, where no other check has made it",
	.tags = (const char *const[]){ "pre-upgrade", "content", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-recover", "pulp-manifests-fill", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.run = run,
};
