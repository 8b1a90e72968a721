/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content in no repository is kept, with its files, until an orphan cleanup deletes it. */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_content.timestamp_of_interest core_repositorycontent.content_id",
	.sql = "SELECT c.pulp_type || ' ' || c.pulp_id, count(*) OVER ()"
	       " FROM (SELECT pulp_id, pulp_type FROM core_content{sample} WHERE timestamp_of_interest < now() - interval '1 day') c"
	       " WHERE NOT EXISTS (SELECT FROM core_repositorycontent r WHERE r.content_id = c.pulp_id) ORDER BY 1 LIMIT 10",
	.sample_of = "core_content",
	.sample_rows = 20000,
	.bad = RESULT_WARNING,
	.sound = "all content older than a day is in a repository",
	.found = "content(s) (is|are) in no repository",
	.hint = "`pulp orphan cleanup` deletes them with their files; look at pulp-manifests-recoverable first.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	return look_in_sample(p, &look, params, out, err);
}

const struct check check_pulp_content_orphaned = {
	.label = "pulp-content-orphaned",
	.summary = "no content is left over",
	.source = "core_content, core_repositorycontent",
	.explain =
		"Those younger than a day are protected by Pulp's default (ORPHAN_PROTECTION_TIME, 1440 minutes).",
	.cost = "a sample of 20,000 contents, with --full all",
	.tags = (const char *const[]){ "storage", NULL },
	.remedies = (const char *const[]){ "pulp-orphans-cleanup", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
