/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three kinds of tasks hang: at work without a worker that lives, being canceled without one, and
 * blocked although nobody has what they want.  Canceling one is what Pulp's API does: the state
 * `canceling` and a word to the workers, which clean up and end it.  Where they do not, it is ended
 * here as a worker would, under the same lock; except where it has made something incomplete that
 * only Pulp can delete.  A task that a worker still has is never touched.
 *
 * Blocked tasks are canceled only while a worker is online that had time to unblock them: a queue
 * that waits for workers to be started is in order.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pulp/task_owner.h"
#include "procedures/batched.h"
#include "procedures/procedures.h"

#include <stdlib.h>

static const double poll_seconds = 0.25;

struct params {
	double wait;
};

static const struct opt params_table[] = {
	{ .name = "wait",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct params, wait),
	  .arg = "TIME",
	  .help = "how long workers that are online may take to end them",
	  .fallback = "10s" },
	OPTS_END,
};

/* SQL of this release; owned. */
struct words {
	char *abandoned;   /* condition on t */
	char *blocked;	   /* condition on t */
	char *incomplete;  /* condition on t: it has made something that is not complete */
	char *heartbeats;  /* relation */
	char *lock;	   /* condition on a row of the CTE dead: its lock could be taken */
	const char *owner; /* assignment that takes the owner away, or "" */
};

struct state {
	int64_t abandoned, blocked, incomplete, held, workers;
};

static void words_release(struct words *w)
{
	free(w->abandoned);
	free(w->blocked);
	free(w->incomplete);
	free(w->heartbeats);
	free(w->lock);
}

/* An exclusive wish meets any other on the same resource; two shared ones are taken for a conflict
 * too, which only makes it more careful. */
static char *blocked_words(const struct pulp_columns *c)
{
	AUTO_FREE char *gone = task_abandoned(c, "o");

	return xasprintf(
		"t.state = 'waiting' AND t.unblocked_at IS NULL AND t.pulp_created < now() - interval '1 h'%s"
		" AND NOT EXISTS (SELECT FROM core_task o WHERE o.pulp_id <> t.pulp_id"
		"  AND (o.state IN ('running', 'canceling') AND NOT %s"
		"   OR o.state = 'waiting' AND o.unblocked_at IS NOT NULL)"
		"  AND EXISTS (SELECT FROM unnest(o.reserved_resources_record) a, unnest(t.reserved_resources_record) b"
		"   WHERE regexp_replace(a, '^shared:', '') = regexp_replace(b, '^shared:', '')))",
		/* A worker takes it at this moment. */
		pulp_has(c, "core_task.app_lock_id") ? " AND t.app_lock_id IS NULL" : "", gone);
}

static char *incomplete_words(const struct pulp_columns *c)
{
	return xasprintf(
		"EXISTS (SELECT FROM core_createdresource r WHERE r.task_id = t.pulp_id AND ("
		"EXISTS (SELECT FROM core_repositoryversion v WHERE v.pulp_id = r.object_id AND NOT v.complete)%s))",
		pulp_has(c, "core_publication.complete")
			? " OR EXISTS (SELECT FROM core_publication p WHERE p.pulp_id = r.object_id AND NOT p.complete)"
			: "");
}

static bool words_find(const struct probe *p, struct words *w, struct err *err)
{
	const struct pulp_columns *c;

	*w = (struct words){ 0 };
	if (!pulp_columns_known(p, &c, err))
		return false;
	w->heartbeats = pulp_heartbeats(p, c, err);
	if (!w->heartbeats)
		return false;
	AUTO_FREE char *key = task_lock_key("dead.pulp_id");

	w->abandoned = task_abandoned(c, "t");
	w->blocked = blocked_words(c);
	w->incomplete = incomplete_words(c);
	w->lock = task_has_lock(c) ? xasprintf("pg_try_advisory_xact_lock(%s)", key)
				   : xstrdup("true");
	w->owner = pulp_has(c, "core_task.app_lock_id") ? ", app_lock_id = NULL" : "";
	return true;
}

static bool look(struct pg *db, const struct words *w, struct state *s, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*) FILTER (WHERE t.gone AND NOT t.incomplete), count(*) FILTER (WHERE t.blocked),"
		" count(*) FILTER (WHERE t.gone AND t.incomplete), count(*) FILTER (WHERE t.state = 'canceling' AND NOT t.gone),"
		" (SELECT count(*) FROM %s h WHERE h.app_type = 'worker' AND h.last_heartbeat >= now() - h.ttl)"
		" FROM (SELECT t.state, t.state IN ('running', 'canceling') AND %s AS gone, %s AS blocked,"
		" %s AS incomplete FROM core_task t WHERE t.state IN ('waiting', 'running', 'canceling')) t",
		w->heartbeats, w->abandoned, w->blocked, w->incomplete);

	if (!pg_query(db, sql, NULL, 0, &r, err))
		return false;
	*s = (struct state){ pg_int(r, 0, 0), pg_int(r, 0, 1), pg_int(r, 0, 2), pg_int(r, 0, 3),
			     pg_int(r, 0, 4) };
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct words w;
	struct state s;

	(void)params;
	bool ok = words_find(p, &w, err) && look(p->db, &w, &s, err);
	words_release(&w);
	if (!ok)
		return false;
	int64_t blocked = s.workers ? s.blocked : 0;
	*ret = s.abandoned + s.incomplete + blocked > 0;
	outcome_set(
		why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		"%lld task(s) (has|have) no worker that lives, %lld (is|are) blocked by nobody, %lld (is|are) being "
		"canceled by a worker that lives",
		(long long)(s.abandoned + s.incomplete), (long long)blocked, (long long)s.held);
	if (!*ret && s.held)
		outcome_hint(why, "Restart the worker that has them.");
	else if (!*ret && s.blocked)
		outcome_hint(why, "No worker is online: start one, it unblocks what waits.");
	return true;
}

/* What the API does for each; workers hear it at once. */
static bool ask_workers(struct pg *db, const struct words *w, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"WITH dead AS MATERIALIZED (SELECT t.pulp_id FROM core_task t WHERE t.state IN ('running', 'canceling') AND %s"
		" FOR UPDATE OF t SKIP LOCKED), asked AS (UPDATE core_task SET state = 'canceling'"
		" WHERE pulp_id IN (SELECT pulp_id FROM dead) RETURNING pulp_id)"
		" SELECT pg_notify('pulp_worker_cancel', pulp_id::text) FROM asked",
		w->abandoned);

	return pg_query(db, sql, NULL, 0, NULL, err) &&
	       pg_exec(db, "SELECT pg_notify('pulp_worker_wakeup', 'unblock')", err) &&
	       pg_exec(db, "SELECT pg_notify('pulp_worker_wakeup', 'handle')", err);
}

/* Those that this step can end. */
static int64_t hanging(const struct state *s)
{
	return s->abandoned + s->incomplete + (s->workers ? s->blocked : 0);
}

/* Some of them are ended by workers, some here. */
static void tell(struct headway *h, const struct state *s)
{
	h->before = h->total > hanging(s) ? h->total - hanging(s) : 0;
	headway_tell(h, 0);
}

/* Until the workers that are online have done their part, or the time is over. */
static bool wait_for_workers(struct pg *db, const struct words *w, double seconds, bool blocked,
			     struct headway *h, struct state *s, struct err *err)
{
	double until = clock_monotonic() + seconds;

	while (look(db, w, s, err)) {
		tell(h, s);
		if (!s->workers || (blocked ? s->blocked : s->abandoned + s->incomplete) == 0 ||
		    clock_monotonic() >= until)
			return true;
		if (!stop_wait(poll_seconds))
			return err_set(err, ERR_STOPPED, "stopped while workers ended their tasks");
	}
	return false;
}

/* As a worker ends it that finds it abandoned. */
static bool end_tasks(struct pg *db, const struct words *w, bool blocked, const struct headway *h,
		      struct err *err)
{
	int64_t n = 0;
	AUTO_FREE char *which =
		blocked ? xstrdup(w->blocked)
			: xasprintf("t.state IN ('running', 'canceling') AND %s AND NOT %s",
				    w->abandoned, w->incomplete);
	AUTO_FREE char *sql = xasprintf(
		"WITH dead AS MATERIALIZED (SELECT t.pulp_id FROM core_task t WHERE %s LIMIT " BATCHED_ROWS
		" FOR UPDATE OF t SKIP LOCKED),"
		" taken AS MATERIALIZED (SELECT pulp_id FROM dead WHERE %s),"
		" reports AS (UPDATE core_progressreport SET state = 'canceled' WHERE state = 'running'"
		"  AND task_id IN (SELECT pulp_id FROM taken))"
		" UPDATE core_task SET state = 'canceled', finished_at = now(), unblocked_at = coalesce(unblocked_at, now()),"
		" error = '{\"reason\": \"Canceled: %s.\"}'%s WHERE pulp_id IN (SELECT pulp_id FROM taken)",
		which, w->lock, blocked ? "no worker unblocked it" : "no worker had it", w->owner);

	return batched_run(db, &(struct batched){ .sql = sql }, h, &n, err);
}

static void answer(const struct state *before, const struct state *after, struct outcome *out)
{
	int64_t was = before->abandoned + before->incomplete + before->blocked;
	int64_t is = after->abandoned + after->incomplete + after->blocked;

	outcome_count(out, "rows", was > is ? was - is : 0);
	if (after->incomplete) {
		outcome_set(
			out, RESULT_WARNING,
			"%lld task(s) no longer hang(s|); %lld (has|have) made something incomplete, which "
			"only a worker deletes",
			(long long)(was - is), (long long)after->incomplete);
		outcome_hint(out, "Start the workers: they end such tasks first.");
	} else if (is) {
		outcome_set(out, RESULT_WARNING,
			    "%lld task(s) no longer hang(s|), %lld still (does|do)",
			    (long long)(was - is), (long long)is);
		outcome_hint(out, "%s",
			     after->workers ? "Run it again: they were locked by somebody."
					    : "Start the workers: they unblock what waits.");
	} else {
		outcome_set(out, RESULT_OK, "%lld task(s) no longer hang(s|)", (long long)was);
	}
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct params *o = params;
	struct state before = { 0 }, s;
	struct pg *db = NULL;
	struct words w;

	bool ok = words_find(a->look, &w, err) && actor_connect(a, "tasks", &db, err) &&
		  look(db, &w, &before, err);
	struct headway h = headway_begin(a, "pulp-tasks-cancel", hanging(&before));

	ok = ok && ask_workers(db, &w, err) &&
	     wait_for_workers(db, &w, o->wait, false, &h, &s, err) &&
	     end_tasks(db, &w, false, &h, err) &&
	     wait_for_workers(db, &w, o->wait, true, &h, &s, err);
	if (ok && s.workers && s.blocked)
		ok = end_tasks(db, &w, true, &h, err);
	ok = ok && pg_exec(db, "SELECT pg_notify('pulp_worker_wakeup', 'unblock')", err) &&
	     look(db, &w, &s, err);
	pg_close(db);
	words_release(&w);
	if (ok)
		answer(&before, &s, out);
	return ok;
}

const struct procedure procedure_pulp_tasks_cancel = {
	.label = "pulp-tasks-cancel",
	.summary = "cancel tasks that hang",
	.explain =
		"Tasks whose worker is gone, and tasks that wait for what nobody has while workers are online. Workers are asked "
		"first, as Pulp's API does; what they leave is ended here under the lock that a worker would take. A task "
		"that a living worker has is not touched, and nothing that a task has made is deleted.",
	.changes = "state of tasks that hang and of their progress reports",
	.tags = (const char *const[]){ "fix", "tasks", "online", NULL },
	.needs = NEED_DB,
	.params = params_table,
	.params_size = sizeof(struct params),
	.needed = needed,
	.run = run,
};
