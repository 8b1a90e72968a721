/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * No Pulp migration refuses to run while manifests lack their data, and from pulp_container 2.25 on
 * (except 2.26.15 and later 2.26) such an image is served as an error or as the four letters
 * `None`.  Asked of the table itself, not of any record of a run.
 */
#include "checks/checks.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/pending.h"

static bool add_examples(const struct probe *p, const char *verdicts, struct outcome *out,
			 struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *why =
		verdicts
			? xasprintf(
				  "coalesce((SELECT v.reason FROM %s v WHERE v.kind = 'manifest' AND"
				  " v.id = m.content_ptr_id), 'pending')",
				  verdicts)
			: xstrdup("'pending'");
	AUTO_FREE char *sql = xasprintf(
		"SELECT m.digest, coalesce((SELECT min(r.name) FROM core_repositorycontent rc JOIN core_repository r"
		" ON r.pulp_id = rc.repository_id WHERE rc.content_id = m.content_ptr_id AND rc.version_removed_id IS NULL),"
		" 'no repository'), %s FROM container_manifest m WHERE m.data IS NULL OR m.data = '' ORDER BY 2, 1 LIMIT 10",
		why);

	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s in %s: %s", pg_text(r, i, 0), pg_text(r, i, 1),
				pg_text(r, i, 2));
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct pulp_schema s;
	struct pending_counts c;
	struct pending_options o = { .without_links = true };

	(void)params;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, &s, &c, err))
		return false;
	if (!s.has_data) {
		outcome_set(out, RESULT_FINDING,
			    "schema level %04d has no column for manifest data", s.level);
		outcome_hint(
			out,
			"Upgrade to pulp_container 2.22 or 2.24 first, run `plmaint pre-migrate run` there, then go on.");
		return true;
	}
	outcome_count(out, "found", c.without_data);
	if (c.without_data == 0) {
		outcome_set(out, RESULT_OK, "all %lld manifest(s) (has|have) (its|their) data",
			    (long long)c.manifests);
		return true;
	}
	outcome_set(out, RESULT_FINDING,
		    "%lld of %lld manifest(s) (has|have) no data (%lld can be migrated now)",
		    (long long)c.without_data, (long long)c.manifests,
		    (long long)(c.images + c.lists));
	outcome_hint(out,
		     c.images + c.lists > 0
			     ? "Run `plmaint pre-migrate run` before any upgrade."
			     : "`plmaint pre-migrate quarantine list` tells why, image by image.");
	return add_examples(p, o.except, out, err);
}

const struct check check_pulp_manifests_unmigrated = {
	.label = "pulp-manifests-unmigrated",
	.summary = "every manifest has its data in the database",
	.source = "container_manifest, core_repositorycontent, the quarantine",
	.explain =
		"pulp_container 2.20 moved manifests from artifact files into the column data; rows from before must be migrated "
		"once, nothing forces it, and from 2.25 on what was not migrated cannot be pulled any more.",
	.cost = "one scan of all manifests, which checks of this kind share",
	.tags = (const char *const[]){ "default", "pre-upgrade", "post-migrate", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-fill", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.run = run,
};
