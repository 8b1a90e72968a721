/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An upload that was never finished keeps its chunks on disk: UPLOAD_PROTECTION_TIME is 0 by
 * default, which is for ever.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_upload.size",
	.sql = "SELECT u.pulp_id || ', ' || u.size || ' bytes since ' || to_char(u.pulp_created AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER () FROM core_upload u"
	       " WHERE u.pulp_created < now() - interval '1 day' ORDER BY u.pulp_created LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no upload is older than a day",
	.found = "upload(s) (was|were) begun more than a day ago and never finished",
	.hint = "Set UPLOAD_PROTECTION_TIME in Pulp's settings: workers then delete them.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_uploads_old = {
	.label = "pulp-uploads-old",
	.summary = "no upload was left unfinished",
	.source = "core_upload",
	.explain = "Clients that are cut off leave their uploads behind.",
	.tags = (const char *const[]){ "storage", NULL },
	.remedies = (const char *const[]){ "pulp-uploads-remove", NULL },
	.needs = NEED_DB,
	.run = run,
};
