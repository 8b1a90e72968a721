/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From pulpcore 3.83 on a repository version lists its content a second time, in content_ids.
 * Upstream's datarepair 7465 fills lists that are missing (3.115 refuses them), 7272 mends lists
 * that differ from the rows.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_repositoryversion.content_ids",
	.sql = "SELECT r.name || ' version ' || v.number || CASE WHEN v.content_ids IS NULL THEN ': no list'"
	       " ELSE ': lists ' || cardinality(v.content_ids) || ', has ' || c.n END, count(*) OVER ()"
	       " FROM core_repositoryversion v JOIN core_repository r ON r.pulp_id = v.repository_id"
	       " LEFT JOIN (SELECT repository_id, max(number) AS number FROM core_repositoryversion WHERE complete"
	       " GROUP BY 1) l ON l.repository_id = v.repository_id AND l.number = v.number"
	       " LEFT JOIN LATERAL (SELECT count(*) AS n FROM core_repositorycontent i WHERE l.number IS NOT NULL"
	       " AND i.repository_id = v.repository_id AND i.version_removed_id IS NULL) c ON true"
	       " WHERE v.content_ids IS NULL OR (l.number IS NOT NULL AND cardinality(v.content_ids) <> c.n)"
	       " ORDER BY 1 LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "the lists of content agree with the rows",
	.found =
		"repository versions have no list of their content, or one that differs from its rows",
	.hint = "Run `pulpcore-manager datarepair 7465` for missing lists, `datarepair 7272` for wrong ones, as "
		"Pulp's user.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_versions_content = {
	.label = "pulp-versions-content",
	.summary = "what repository versions list is what they have",
	.source = "core_repositoryversion, core_repositorycontent",
	.explain = "Every version is asked for a list, the latest of each repository for the right "
		   "number in it.",
	.cost = "every repository version, and the rows of the latest",
	.tags = (const char *const[]){ "pre-upgrade", "content", NULL },
	.remedies = (const char *const[]){ "pulp-versions-repair", NULL },
	.needs = NEED_DB,
	.run = run,
};
