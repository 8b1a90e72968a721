/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Content whose file is gone and that no remote can fetch again: what is left of a reclaim or of
 * a remote that was deleted.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_contentartifact.artifact_id core_remoteartifact.content_artifact_id",
	.sql = "SELECT t.pulp_type || ' ' || c.relative_path, count(*) OVER ()"
	       " FROM (SELECT pulp_id, content_id, relative_path FROM core_contentartifact{sample} WHERE artifact_id IS NULL) c"
	       " JOIN core_content t ON t.pulp_id = c.content_id AND t.pulp_type LIKE 'container.%'"
	       " WHERE NOT EXISTS (SELECT FROM core_remoteartifact r WHERE r.content_artifact_id = c.pulp_id) ORDER BY 1 LIMIT 10",
	.sample_of = "core_contentartifact",
	.sample_rows = 50000,
	.bad = RESULT_FINDING,
	.sound = "all container content has its file or a remote",
	.found = "container content(s) (has|have) neither a file nor a remote to fetch it from",
	.hint = "Sync or push the images again; `pulp repository version repair` only mends files that are damaged.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	return look_in_sample(p, &look, params, out, err);
}

const struct check check_pulp_content_unfetchable = {
	.label = "pulp-content-unfetchable",
	.summary = "all container content has its file or can be fetched",
	.source = "core_contentartifact, core_remoteartifact",
	.explain =
		"A content artifact without artifact is normal for what is downloaded on demand, and then has a remote artifact.",
	.cost = "a sample of 50,000 links to files, with --full all",
	.tags = (const char *const[]){ "content", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
