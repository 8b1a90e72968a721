/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A manifest whose data cannot be had is served by no release to come.  That may be right, for an
 * image that nobody uses; somebody has to have said so.
 */
#include "checks/checks.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/pulp/look.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const char *verdicts;

	(void)params;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &verdicts, err))
		return false;
	if (!verdicts) {
		outcome_set(out, RESULT_OK, "nothing was set aside");
		return true;
	}
	AUTO_FREE char *sql = xasprintf(
		"SELECT m.digest || ' in ' || coalesce((SELECT min(r.name) FROM core_repositorycontent c"
		" JOIN core_repository r ON r.pulp_id = c.repository_id"
		" WHERE c.content_id = m.content_ptr_id AND c.version_removed_id IS NULL), 'no repository')"
		" || ': ' || v.reason, count(*) OVER () FROM %s v JOIN container_manifest m ON m.content_ptr_id = v.id"
		" WHERE v.kind = 'manifest' AND v.effect = 'quarantine' AND v.accepted IS NULL ORDER BY 1 LIMIT 10",
		verdicts);

	return look_for(
		p,
		&(struct look){
			.needs = "container_manifest",
			.sql = sql,
			.bad = RESULT_FINDING,
			.sound =
				"every manifest that was set aside has been accepted with a reason",
			.found = "manifest(s) (was|were) set aside and not reviewed",
			.hint = "See `plmaint pre-migrate quarantine list`; mend each and run `plmaint pre-migrate run`, or type "
				"`plmaint pre-migrate quarantine accept DIGEST --why 'TEXT'`." },
		out, err);
}

const struct check check_pulp_quarantine_reviewed = {
	.label = "pulp-quarantine-reviewed",
	.summary = "each manifest that was set aside was mended or accepted",
	.source = "the quarantine, container_manifest",
	.explain =
		"An entry whose manifest was deleted or mended does not count. An accepted one keeps its reason for the record.",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", NULL },
	.needs = NEED_DB,
	.run = run,
};
