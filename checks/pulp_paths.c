/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pulpcore 3.117 makes paths a type that refuses white space, ? and #, and empty, . and .. parts:
 * with one such row its migrate fails half way.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_distribution.base_path core_contentartifact.relative_path",
	.sql = "SELECT s.what, count(*) OVER () FROM (SELECT 'base path ' || base_path AS what FROM core_distribution"
	       " WHERE '/' || base_path || '/' ~ '[\\n\\r\\s\\t\\?#]|(/\\.{0,2}/)'"
	       " UNION ALL SELECT 'relative path ' || relative_path FROM core_contentartifact"
	       " WHERE '/' || relative_path || '/' ~ '[\\n\\r\\s\\t\\?#]|(/\\.{0,2}/)') s ORDER BY 1 LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "every path fits the type that pulpcore 3.117 has for it",
	.found = "path(s) (is|are) refused by pulpcore 3.117, whose migrate would fail",
	.hint = "Rename the distributions before that upgrade, with `pulp container distribution update --base-path`.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_paths = {
	.label = "pulp-paths",
	.summary = "every path is one that pulpcore 3.117 accepts",
	.source = "core_distribution, core_contentartifact",
	.explain =
		"The same expression as in its migration 0155, asked before the upgrade and not by it.",
	.cost = "one scan of all links to files",
	.tags = (const char *const[]){ "pre-upgrade", "content", NULL },
	.needs = NEED_DB,
	.run = run,
};
