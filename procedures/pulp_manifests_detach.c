/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Once a manifest's data is stored its artifact link has done its work; dropping it lets the
 * artifact go with the next orphan cleanup.  It cannot be undone, so it is the last phase, waits
 * until the fill is durable here and on the standbys, until nobody can hold the row as it was
 * before, and until the cache has forgotten the file; and each statement proves by the server's own
 * sha256 that what it drops is stored.
 */
#include "lib/batch/barrier.h"
#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "procedures/cache_debt.h"
#include "procedures/manifest_forecast.h"
#include "procedures/procedures.h"
#include "procedures/verdict_revisit.h"
#include <stdio.h>

static const double look_again = 0.5; /* seconds between looks while waiting */

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct pulp_schema schema;
	bool any, changed, left;
	int64_t n;

	if (!manifest_links_pending(p, params, &schema, &any, &n, err) ||
	    !manifest_left_over(p, &schema, params, PENDING_DETACH,
				procedure_pulp_manifests_detach.label, &changed, &left, err))
		return false;
	*ret = any || left;
	if (n < 0)
		outcome_set(why, RESULT_OK,
			    "manifests have their data and still have their artifact link");
	else
		outcome_set(
			why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
			"%lld manifest(s) (has|have) (its|their) data and still (has|have) (its|their) artifact link",
			(long long)n);
	return true;
}

/* A wait that ended without what was waited for: nothing is lost, the links stay. */
static void put_off(struct outcome *out, const char *what, const char *hint)
{
	outcome_set(out, RESULT_WARNING, "links were kept: %s", what);
	outcome_hint(out, "%s", hint);
	out->exit = exit_of_stop(stop_signal());
}

static void tell_wait(struct manifest_job *j, const char *why, double left)
{
	EMIT(j->setup.reporter, "wait", F_TEXT("label", procedure_pulp_manifests_detach.label),
	     F_TEXT("reason", why), F_REAL("seconds", left));
	control_tell(&j->steer, j->control, "between", why);
}

/* Seconds that it took; what is waited for may happen meanwhile. */
static double wait_paused(struct manifest_job *j)
{
	double since = clock_monotonic();
	char why[256];

	(void)batch_hold(&j->setup, procedure_pulp_manifests_detach.label, why, sizeof(why));
	return clock_monotonic() - since;
}

/* Polls sql (one boolean: may we go on; one text: what is missing, NULL when it cannot be seen)
 * until it holds. */
static bool poll_for(struct manifest_job *j, const char *sql, const struct pg_param *p, size_t n,
		     const char *why, double limit, bool *ok, struct err *err)
{
	double until = clock_monotonic() + limit;
	char held[256];

	for (bool told = false;; told = true) {
		AUTO_ROWS struct pg_rows *r = NULL;
		if (!ledger_query(&j->ledger, j->control, sql, p, n, &r, err))
			return false;
		*ok = pg_bool(r, 0, 0);
		if (*ok || clock_monotonic() >= until)
			return true;
		if (!told)
			tell_wait(j, why, until - clock_monotonic());
		emit_turn(j->setup.reporter);
		control_wait(&j->steer, j->control, -1, look_again);
		control_look(&j->steer, j->control);
		if (control_paused(&j->steer, held, sizeof(held))) {
			until += wait_paused(j);
			tell_wait(j, why, until - clock_monotonic());
		}
		if (stop_requested())
			return true;
	}
}

static bool wait_for(struct manifest_job *j, const char *sql, const struct pg_param *p, size_t n,
		     const char *why, double limit, bool *ok, struct err *err)
{
	bool known = poll_for(j, sql, p, n, why, limit, ok, err);

	control_tell(&j->steer, j->control, "between", "");
	return known;
}

static bool standbys(struct manifest_job *j, bool *ok, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	double standby_wait; /* seconds a standby may lag */
	char lsn[64];

	/* A standby whose position is hidden from us is not known to have it. */
	if (!config_seconds(j->actor->look->config, "detach.standby_wait", &standby_wait, err) ||
	    !pg_query(
		    j->control,
		    "SELECT pg_current_wal_lsn()::text, (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
		    " OR state IS NULL)",
		    NULL, 0, &r, err))
		return false;
	*ok = true;
	if (pg_int(r, 0, 1) == 0)
		return true;
	snprintf(lsn, sizeof(lsn), "%s", pg_text(r, 0, 0));
	if (!wait_for(
		    j,
		    "SELECT NOT EXISTS (SELECT FROM pg_stat_replication WHERE (state = 'streaming' OR state IS NULL)"
		    " AND (flush_lsn IS NULL OR flush_lsn < $1::pg_lsn))",
		    (struct pg_param[]){ PG_P_TEXT(lsn) }, 1,
		    "a standby has not yet flushed what was filled", standby_wait, ok, err))
		return false;
	if (!*ok)
		put_off(out,
			"a standby has not flushed what was filled, or its position may not be seen",
			"Let the standby catch up, or GRANT pg_monitor to Pulp's role; then run `plmaint pre-migrate detach`.");
	return true;
}

/* When the last fill ended, on the server's clock.  A ledger that knows of none counts from its
 * making. */
static bool filled_at(struct manifest_job *j, char *out, size_t size, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!ledger_query(
		    &j->ledger, j->control,
		    "SELECT greatest((SELECT created FROM @.meta), (SELECT max(coalesce(ended, clock_timestamp())) FROM @.run"
		    " WHERE job IN ('pulp-manifests-fill', 'pulp-manifests-recover') AND state <> 'retired'))::text",
		    NULL, 0, &r, err))
		return false;
	snprintf(out, size, "%s", pg_text(r, 0, 0));
	return true;
}

/*
 * While Pulp runs, a task or a request may hold a manifest as it was before the fill and save it
 * again, data and all: a grace for requests, and the end of every task that already ran then.
 */
static bool grace(struct manifest_job *j, bool *ok, struct outcome *out, struct err *err)
{
	struct pulp_services online;
	double seconds, task_wait; /* seconds a task from before may still run */
	char text[32], filled[64];

	*ok = true;
	if (!pulp_services_online(j->control, &j->schema, &j->actor->look->place, &online, err) ||
	    !config_seconds(j->actor->look->config, "pre-migrate.grace", &seconds, err) ||
	    !config_seconds(j->actor->look->config, "detach.task_wait", &task_wait, err) ||
	    !filled_at(j, filled, sizeof(filled), err))
		return false;
	if (online.workers + online.api + online.content == 0)
		return true;
	snprintf(text, sizeof(text), "%.3f", seconds);
	const struct pg_param p[] = { PG_P_TEXT(filled), PG_P_TEXT(text) };
	if (!wait_for(
		    j,
		    "SELECT clock_timestamp() >= $1::timestamptz + make_interval(secs => $2::float8)",
		    p, 2, "grace between fill and detach, since Pulp's services are online",
		    seconds + 5, ok, err))
		return false;
	if (!*ok) {
		put_off(out, "the grace after the fill was interrupted",
			"`plmaint pre-migrate detach` goes on.");
		return true;
	}
	if (!wait_for(
		    j,
		    "SELECT NOT EXISTS (SELECT FROM core_task WHERE state IN ('running', 'canceling')"
		    " AND started_at <= $1::timestamptz)",
		    p, 1, "a task that ran during the fill has not ended yet", task_wait, ok, err))
		return false;
	if (!*ok)
		put_off(out, "a task that ran during the fill is still running",
			"It may hold manifests as they were. When it has ended, run `plmaint pre-migrate detach`.");
	return true;
}

static bool flush_first(struct manifest_job *j, bool *ok, struct outcome *out, struct err *err)
{
	struct err redis = { 0 };
	size_t flushed;

	*ok = true;
	if ((!j->ledger.shared && !cache_debt_mark_all(j->actor->look->config, err)) ||
	    !cache_debt_find(j, procedure_pulp_manifests_detach.label, true, err))
		return false;
	if (cache_debt_pay(j, true, &flushed, &redis))
		return true;
	*ok = false;
	put_off(out, redis.text,
		"Detach waits for the content cache, which may still name the files. When Redis answers, run "
		"`plmaint pre-migrate detach`; the debt is kept.");
	return true;
}

static bool drop(struct manifest_job *j, struct outcome *out, struct err *err)
{
	struct manifest_phase bound;
	struct batch_phase phase;
	struct batch_ahead ahead[MANIFEST_AHEAD];
	struct batch_result res;
	struct err redis = { 0 };
	size_t flushed = 0;

	manifest_phase_bind(j, &bound, PENDING_DETACH, &phase);
	const struct batch_job job = { .label = procedure_pulp_manifests_detach.label,
				       .options = j->options,
				       .phases = &phase,
				       .n_phases = 1,
				       .ahead = ahead,
				       .n_ahead =
					       manifest_forecast_ahead(j, PENDING_DETACH, ahead) };
	bool done = manifest_job_run(j, &job, &res, err);
	manifest_phase_release(&bound, &phase);
	if (!done)
		return false;
	manifest_job_report(&res, j->setup.dry_run ? "would be detached" : "detached", false, out);
	if (j->setup.dry_run) {
		manifest_job_rolled_back(out);
		return true;
	}
	if (!cache_debt_pay(j, res.stopped, &flushed, &redis)) {
		out->result = RESULT_WARNING;
		outcome_hint(
			out,
			"The content cache could not be flushed again (%s); the debt is kept and the next run pays it.",
			redis.text);
	}
	return true;
}

static bool work(struct manifest_job *j, struct outcome *out, struct err *err)
{
	bool ok = true;

	/* What is rolled back takes nothing from anybody. */
	if (j->setup.dry_run)
		return drop(j, out, err);
	if (!durable_barrier(j->control, err) || !standbys(j, &ok, out, err))
		return false;
	if (ok && !grace(j, &ok, out, err))
		return false;
	if (ok && !flush_first(j, &ok, out, err))
		return false;
	return !ok || drop(j, out, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct manifest_job j;
	bool followed;

	if (!manifest_job_open(&j, a, params, false, err))
		return false;
	if (!manifest_job_wait(&j, procedure_pulp_manifests_detach.label, out)) {
		manifest_job_close(&j);
		return true;
	}
	bool ok = revisit_settle(&j, procedure_pulp_manifests_detach.label, PENDING_DETACH, err) &&
		  manifest_job_follow(&j, procedure_pulp_manifests_detach.label, &followed, err) &&
		  work(&j, out, err);
	manifest_job_close(&j);
	return ok;
}

const struct procedure procedure_pulp_manifests_detach = {
	.label = "pulp-manifests-detach",
	.summary = "drop the artifact links of manifests whose stored data is proven",
	.explain =
		"The statement drops a manifest's links only when every linked artifact's sha256 equals the server's own sha256 "
		"of the stored data, so it needs no record and also finishes what earlier runs left. The unlinked artifacts' "
		"protection time begins now (detach.protect), so that the next orphan cleanup does not take them at once.",
	.changes =
		"deletes rows of core_contentartifact, core_remoteartifact and core_publishedartifact of filled manifests",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB | NEED_REDIS | NEED_LEDGER,
	.params = manifest_params_table,
	.params_size = sizeof(struct manifest_params),
	.needed = needed,
	.run = run,
};
