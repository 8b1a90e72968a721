/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Manifests that an interrupted migration left with neither data nor link can be brought back while
 * their artifact exists.  An upgrade ends that: from pulpcore 3.91 on an orphan cleanup is the
 * first thing that a worker does, within 15 s of its start.
 */
#include "checks/checks.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/pending.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct pulp_schema s;
	struct pending_counts c;
	struct pending_options o = { .without_links = true };
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, &s, &c, err))
		return false;
	outcome_count(out, "found", c.lost);
	if (c.lost == 0) {
		outcome_set(out, RESULT_OK, "no manifest waits to be brought back");
		return true;
	}
	outcome_set(
		out, RESULT_FINDING,
		"%lld manifest(s) (has|have) neither data nor artifact link, and (its|their) artifact still exists",
		(long long)c.lost);
	outcome_hint(
		out,
		"Run `plmaint pre-migrate recover`: the next orphan cleanup deletes these artifacts, and the first worker of "
		"pulpcore 3.91 or later begins with one.");
	AUTO_FREE char *where = pending_where(&s, PENDING_LOST, &o);
	AUTO_FREE char *sql = xasprintf(
		"SELECT m.digest FROM container_manifest m WHERE %s ORDER BY 1 LIMIT 10", where);
	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s", pg_text(r, i, 0));
	return true;
}

const struct check check_pulp_manifests_lost = {
	.label = "pulp-manifests-lost",
	.summary = "no manifest is left that an orphan cleanup would lose for good",
	.source = "container_manifest, core_contentartifact, core_artifact",
	.explain =
		"Pulp's own migration drops the artifact link up to a thousand rows before it stores the data; what lies between when "
		"it is killed has neither. The artifact is found by the manifest's digest, until an orphan cleanup takes it.",
	.cost = "one scan of all manifests, which checks of this kind share",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", "content", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-recover", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.run = run,
};
