/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run that was killed leaves what it owes the content cache in the ledger; this pays it.  It is
 * the last step of every pre-migration and the first thing the next one would do.
 */
#include "procedures/cache_debt.h"
#include "procedures/procedures.h"
#include <math.h>

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)params;
	if (!cache_debt_any(p->db, p->config, ret, err))
		return false;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%s",
		    *ret ? "the content cache is owed the keys of what was changed"
			 : "the content cache is owed nothing");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct manifest_job j;
	struct err redis = { 0 };
	size_t flushed = 0;

	if (!manifest_job_open(&j, a, params, false, err))
		return false;
	/* What is owed is paid, whether a window has closed meanwhile or not. */
	j.setup.schedule = (struct schedule){ .deadline = INFINITY, .end = INFINITY };
	if (!manifest_job_wait(&j, procedure_pulp_cache_debt.label, out)) {
		manifest_job_close(&j);
		return true;
	}
	bool ok = cache_debt_find(&j, procedure_pulp_cache_debt.label, false, err);
	if (ok && cache_debt_pay(&j, false, &flushed, &redis)) {
		outcome_set(out, RESULT_OK, "%zu key(s) of affected distributions deleted",
			    flushed);
	} else if (ok) {
		outcome_set(out, RESULT_WARNING, "the content cache could not be flushed: %s",
			    redis.text);
		outcome_hint(
			out,
			"The debt is kept: when Redis answers, run `plmaint cache invalidate` or the pre-migration again.");
	}
	manifest_job_close(&j);
	return ok;
}

const struct procedure procedure_pulp_cache_debt = {
	.label = "pulp-cache-debt",
	.summary = "delete the cache keys of distributions whose manifests were changed",
	.explain =
		"Which ranges of manifests were changed is recorded in the same transaction as the change. Only keys of affected "
		"distributions are deleted, with their domain and their pull-through twin, and the flatpak index; never the "
		"whole cache.",
	.changes = "keys of affected distributions in Redis",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB | NEED_REDIS | NEED_LEDGER,
	.params = manifest_params_table,
	.params_size = sizeof(struct manifest_params),
	.needed = needed,
	.run = run,
};
