/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What upstream's clean-up-progress-reports does, in batches: a report that says running takes the
 * state of its task, when that has failed or was canceled.
 */
#include "procedures/batched.h"
#include "procedures/procedures.h"

#define STUCK                                                                   \
	" FROM core_progressreport p JOIN core_task t ON t.pulp_id = p.task_id" \
	" WHERE p.state = 'running' AND t.state IN ('failed', 'canceled')"

static bool count_stuck(const struct probe *p, int64_t *n, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(p->db, "SELECT count(*)" STUCK, NULL, 0, &r, err))
		return false;
	*n = pg_int(r, 0, 0);
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	int64_t n;

	(void)params;
	if (!count_stuck(p, &n, err))
		return false;
	*ret = n > 0;
	outcome_set(why, n ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%lld progress report(s) say(s|) running although (its|their) task has ended",
		    (long long)n);
	return true;
}

static const struct batched clean = {
	.sql = "WITH stuck AS MATERIALIZED (SELECT p.pulp_id, t.state" STUCK " LIMIT " BATCHED_ROWS
	       " FOR UPDATE OF p SKIP LOCKED)"
	       " UPDATE core_progressreport p SET state = s.state"
	       " FROM stuck s WHERE p.pulp_id = s.pulp_id",
};

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct pg *db = NULL;
	int64_t n = 0, total;

	(void)params;
	bool ok = count_stuck(a->look, &total, err) && actor_connect(a, "progress", &db, err);
	if (ok) {
		struct headway h = headway_begin(a, "pulp-progress-clean", total);

		ok = batched_run(db, &clean, &h, &n, err);
	}
	pg_close(db);
	outcome_count(out, "rows", n);
	if (ok)
		outcome_set(out, RESULT_OK,
			    "%lld progress report(s) (has|have) the state of (its|their) task",
			    (long long)n);
	return ok;
}

const struct procedure procedure_pulp_progress_clean = {
	.label = "pulp-progress-clean",
	.summary = "give stuck progress reports the state of their task",
	.explain = "As `pulpcore-manager clean-up-progress-reports` does; this one needs neither "
		   "its two seconds to start nor the user pulp.",
	.changes = "column state of core_progressreport",
	.tags = (const char *const[]){ "fix", "tasks", "online", NULL },
	.needs = NEED_DB,
	.needed = needed,
	.run = run,
};
