/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Temporary files of tasks that died stay for ever: TMPFILE_PROTECTION_TIME is 0 by default. */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_pulptemporaryfile.file",
	.sql = "SELECT f.file || ' since ' || to_char(f.pulp_created AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER () FROM core_pulptemporaryfile f"
	       " WHERE f.pulp_created < now() - interval '1 day' ORDER BY f.pulp_created LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no temporary file is older than a day",
	.found = "temporary file(s) (is|are) older than a day",
	.hint = "Set TMPFILE_PROTECTION_TIME in Pulp's settings: workers then delete them.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_files_temporary = {
	.label = "pulp-files-temporary",
	.summary = "no temporary file was left behind",
	.source = "core_pulptemporaryfile",
	.explain =
		"Pulp keeps a row for each temporary file that it hands from one process to another.",
	.tags = (const char *const[]){ "storage", NULL },
	.remedies = (const char *const[]){ "pulp-files-remove", NULL },
	.needs = NEED_DB,
	.run = run,
};
