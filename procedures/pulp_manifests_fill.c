/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Since pulp_container 2.20 a manifest's JSON lives in the database; rows from before must be
 * moved once.  This fills the columns and leaves each artifact link where it is, so that a crash,
 * or a change of mind, costs nothing: a filled row is served right by every version.
 */
#include "lib/core/mem.h"
#include "lib/pulp/live.h"
#include "procedures/cache_debt.h"
#include "procedures/manifest_estimate.h"
#include "procedures/procedures.h"
#include "procedures/verdict_revisit.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct pulp_schema schema;
	struct pending_counts c;
	bool changed, left;

	if (!manifest_pending(p, params, &schema, &c, err) ||
	    !manifest_left_over(p, &schema, params, PENDING_IMAGES,
				procedure_pulp_manifests_fill.label, &changed, &left, err))
		return false;
	*ret = c.images + c.lists > 0 || left;
	outcome_set(
		why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		"%lld image(s) and %lld list(s) of %lld manifest(s) (is|are) pending%s%s",
		(long long)c.images, (long long)c.lists, (long long)c.manifests,
		changed ? ", and rows that were set aside have changed" : "",
		schema.has_data
			? ""
			: "; this schema has no column for their data yet: labels and annotations only");
	return true;
}

static bool work(struct manifest_job *j, struct outcome *out, struct err *err)
{
	struct batch_result res;
	struct err debt = { 0 };
	size_t flushed;

	j->pending.without_lost = j->setup.dry_run;
	bool ok = manifest_job_images_then_lists(j, procedure_pulp_manifests_fill.label,
						 PENDING_IMAGES, PENDING_LISTS, &res, err);
	/* When the run ends here, what was changed until now may stay cached for long; else detach
	 * or the last step pays.  A search that lasts is no part of a stop: the debt is kept. */
	if (!j->setup.dry_run && (!ok || res.stopped) && pg_alive(j->setup.control)) {
		batch_lasts(&j->setup);
		bool paid = cache_debt_resolve(j, false, &debt) &&
			    cache_debt_pay(j, true, &flushed, &debt);
		listener_end(j->setup.listener, j->setup.control);
		if (!paid && ok && debt.code != ERR_HELD)
			outcome_hint(
				out,
				"The content cache could not be flushed (%s); the debt is kept.",
				debt.text);
	}
	if (!ok)
		return false;
	manifest_job_report(&res, j->setup.dry_run ? "would be filled" : "filled", true, out);
	if (j->setup.dry_run)
		manifest_job_rolled_back(out);
	if (!j->schema.has_data)
		outcome_example(
			out,
			"level %04d has no column for the data: upgrade to pulp_container 2.22 or 2.24 and run again",
			j->schema.level);
	return true;
}

/* What may be wrong although everything works: another database, a cache nobody told us of. */
static void tell_doubts(const struct manifest_job *j)
{
	const struct place *at = &j->actor->look->place;
	char doubt[256];

	if (pulp_live_doubt(j->control, &j->schema, at, doubt, sizeof(doubt)))
		EMIT(j->setup.reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", doubt),
		     F_TEXT("hint", "Check database.pulp.conninfo: this may be a copy."));
	if (!at->settings_source && !at->redis_url)
		EMIT(j->setup.reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message",
			    "no settings of Pulp were read and redis.url is not set, so no "
			    "content cache will be flushed"),
		     F_TEXT("hint",
			    "Name pulp.settings or redis.url where Pulp has its cache on."));
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct manifest_job j;
	bool followed;

	if (!manifest_job_open(&j, a, params, true, err))
		return false;
	if (!manifest_job_wait(&j, procedure_pulp_manifests_fill.label, out)) {
		manifest_job_close(&j);
		return true;
	}
	tell_doubts(&j);
	bool ok = revisit_settle(&j, procedure_pulp_manifests_fill.label, PENDING_IMAGES, err) &&
		  manifest_job_follow(&j, procedure_pulp_manifests_fill.label, &followed, err) &&
		  (j.ledger.shared || j.setup.dry_run ||
		   cache_debt_mark_all(j.actor->look->config, err)) &&
		  work(&j, out, err);
	manifest_job_close(&j);
	return ok;
}

/* With the recovery before it and the detach behind. */
static bool estimate(struct actor *a, bool may_write, double ret[3], struct err *err)
{
	const struct estimate_wish wish = { .sample = 300,
					    .no_write = may_write ? NULL : "it only reads" };
	AUTO_ESTIMATE struct manifest_estimate e = { 0 };

	if (!manifest_estimate(a, &wish, &e, err))
		return false;
	bool any = e.fill + e.lost + e.filled > 0;
	ret[0] = any ? e.time.full.p10 : 0;
	ret[1] = any ? e.time.full.p50 : 0;
	ret[2] = any ? e.time.full.p90 : 0;
	return true;
}

const struct procedure procedure_pulp_manifests_fill = {
	.label = "pulp-manifests-fill",
	.summary = "fill the manifests' data, labels, type and platform from their artifacts",
	.explain =
		"Pulp's own container-handle-image-data does this on one thread, drops a manifest's artifact link up to a "
		"thousand rows before it saves the data, and skips what it cannot read without a word. Here every row is verified "
		"(sha256 of the bytes is the digest), written in small guarded batches with their checkpoint, and keeps its link; "
		"what cannot be read is set aside with its reason.",
	.changes = "columns of container_manifest where data is missing; nothing is deleted",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB | NEED_MEDIA | NEED_LEDGER,
	.params = manifest_params_table,
	.params_size = sizeof(struct manifest_params),
	.needed = needed,
	.run = run,
	.estimate = estimate,
};
