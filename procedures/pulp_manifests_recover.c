/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp's own command commits the removal of a manifest's artifact link before it saves the data: a
 * kill, or one bad row, leaves manifests with neither.  Until an orphan cleanup takes the artifact
 * it can be found again, since its sha256 is the manifest's digest.  From pulpcore 3.91 on such a
 * cleanup is a new worker's first act, so this runs before anything else.
 */
#include "lib/core/mem.h"
#include "procedures/cache_debt.h"
#include "procedures/procedures.h"
#include "procedures/verdict_revisit.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct pulp_schema schema;
	struct pending_counts c;
	bool changed, left;

	if (!manifest_pending(p, params, &schema, &c, err) ||
	    !manifest_left_over(p, &schema, params, PENDING_LOST,
				procedure_pulp_manifests_recover.label, &changed, &left, err))
		return false;
	*ret = c.lost > 0 || left;
	outcome_set(
		why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		"%lld manifest(s) (has|have) neither data nor a linked artifact, but (its|their) artifact is still there",
		(long long)c.lost);
	return true;
}

/* What is gone for good, pushed images first: those must be pushed again, the others can be synced.
 */
static bool list_gone(struct manifest_job *j, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	/* What a dry run could bring back is as it was. */
	AUTO_FREE char *sql = xasprintf(
		"SELECT coalesce(r.name, '(no repository)'), count(DISTINCT m.content_ptr_id), bool_or(p.repository_ptr_id IS NOT NULL)"
		" FROM container_manifest m"
		" LEFT JOIN core_repositorycontent rc ON rc.content_id = m.content_ptr_id AND rc.version_removed_id IS NULL"
		" LEFT JOIN core_repository r ON r.pulp_id = rc.repository_id"
		" LEFT JOIN container_containerpushrepository p ON p.repository_ptr_id = rc.repository_id"
		" WHERE (m.data IS NULL OR m.data = '') AND NOT EXISTS (SELECT FROM core_contentartifact c"
		" WHERE c.content_id = m.content_ptr_id)%s"
		" GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT 11",
		j->setup.dry_run ? " AND NOT EXISTS (SELECT FROM core_artifact a WHERE"
				   " 'sha256:' || a.sha256 = m.digest)"
				 : "");

	if (!j->schema.has_data)
		return true;
	if (!ledger_query(&j->ledger, j->control, sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "gone: %lld manifest(s) of %s (%s)",
				(long long)pg_int(r, i, 1), pg_text(r, i, 0),
				pg_bool(r, i, 2) ? "push them again" : "sync or push them again");
	if (pg_rows_count(r) > 0)
		out->result = RESULT_WARNING;
	return true;
}

static bool work(struct manifest_job *j, struct outcome *out, struct err *err)
{
	struct batch_result res;
	bool followed;

	if (!manifest_job_follow(j, procedure_pulp_manifests_recover.label, &followed, err))
		return false;
	bool ok =
		manifest_job_images_then_lists(j, procedure_pulp_manifests_recover.label,
					       PENDING_LOST_IMAGES, PENDING_LOST_LISTS, &res, err);
	if (!ok)
		return false;
	manifest_job_report(&res, j->setup.dry_run ? "would be recovered" : "recovered", true, out);
	if (j->setup.dry_run)
		manifest_job_rolled_back(out);
	return res.stopped || list_gone(j, out, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct manifest_job j;

	if (!manifest_job_open(&j, a, params, true, err))
		return false;
	if (!manifest_job_wait(&j, procedure_pulp_manifests_recover.label, out)) {
		manifest_job_close(&j);
		return true;
	}
	bool ok = revisit_settle(&j, procedure_pulp_manifests_recover.label, PENDING_LOST, err) &&
		  (j.ledger.shared || j.setup.dry_run ||
		   cache_debt_mark_all(j.actor->look->config, err)) &&
		  work(&j, out, err);
	manifest_job_close(&j);
	return ok;
}

const struct procedure procedure_pulp_manifests_recover = {
	.label = "pulp-manifests-recover",
	.summary =
		"bring back manifests that an interrupted migration left with neither data nor artifact link",
	.explain =
		"The artifact is found by its sha256 in the manifest's own domain, read, verified, and the row is filled "
		"while the artifact is locked against cleanup, with a synchronous commit. What is gone for good is listed by "
		"repository.",
	.changes = "columns of container_manifest where neither data nor link is left",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB | NEED_MEDIA | NEED_LEDGER,
	.params = manifest_params_table,
	.params_size = sizeof(struct manifest_params),
	.needed = needed,
	.run = run,
};
