/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The phases of a run.  Whoever holds the coordinator's lease plans a phase, sweeps it again when
 * rows were skipped, and ends the run; everybody works.  A run that a kill left open is joined by
 * the next program like any other: there is no difference between resuming and helping.
 */
#include "lib/batch/engine.h"
#include "lib/batch/barrier.h"
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include <math.h>
#include <sys/eventfd.h>

enum { MAX_WRITERS = 16 };
static const double tick = 0.05;	 /* seconds between looks at the workers */
static const double tick_leaving = 0.02; /* and during a pause that they have not obeyed yet */
static const double recount = 0.5;	 /* seconds between looks at the shared ledger */
static const double waiting = 0.05;	 /* seconds between looks for the coordinator's next move */

static bool update_run(struct run *r, const char *set, bool *mine, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"UPDATE @.run SET %s WHERE id = $1::bigint AND token = $2::uuid AND state = 'open' RETURNING id",
		set);
	AUTO_ROWS struct pg_rows *rows = NULL;
	char id[24], token[37];

	snprintf(id, sizeof(id), "%lld", (long long)r->id);
	uuid_format(r->token, token);
	if (!ledger_query(&r->setup->ledger, r->setup->control, sql,
			  (struct pg_param[]){ PG_P_TEXT(id), PG_P_TEXT(token) }, 2, &rows, err))
		return false;
	*mine = pg_rows_count(rows) == 1;
	return true;
}

/* Ranges and the mark that they are cut commit together: a kill in between leaves an unplanned
 * phase. */
static bool plan(struct run *r, int sweep, int64_t *rows, struct err *err)
{
	struct pg *db = r->setup->control;
	char set[160];
	struct err ignored;
	bool mine;

	/* A plan reads whole tables; their statistics may say that next to nothing is pending. */
	if (!pg_exec(db, "BEGIN; SET LOCAL enable_nestloop TO off", err))
		return false;
	batch_lasts(r->setup);
	bool planned = run_plan(r, db, sweep, rows, err);
	listener_end(r->setup->listener, db);
	if (planned) {
		snprintf(set, sizeof(set),
			 "planned = true, phase = %d, sweep = %d, total = total + %lld",
			 r->phase_index, sweep, sweep == 0 ? (long long)*rows : 0LL);
		if (update_run(r, set, &mine, err) &&
		    pg_exec(db, mine ? "COMMIT" : "ROLLBACK", err))
			return true;
	}
	(void)!pg_exec(db, "ROLLBACK", &ignored);
	return false;
}

/* A lost session says nothing about what it looks at: the writers tell. */
static bool still_good(const struct run *r, struct err *err)
{
	const struct batch_setup *s = r->setup;

	return !s->still_good || s->still_good(s->connect_arg, s->control, err) ||
	       !pg_alive(s->control);
}

/* Main thread while the writers work: the wish to stop, the coordinator's lease, progress. */
static void watch(struct run *r, const struct counts *base, bool coordinator)
{
	double next_count = 0, next_lease = clock_monotonic() + r->setup->lease / 3;
	double next_good = clock_monotonic() + recount; /* work_phase has just asked */
	bool shared = r->setup->ledger.shared;
	struct err ignored;
	eventfd_t ended;

	for (;;) {
		pthread_mutex_lock(&r->lock);
		bool alive = r->workers_alive > 0;
		struct counts c = *base;
		int64_t rows = r->sum.rows, bytes = r->sum.bytes;
		pthread_mutex_unlock(&r->lock);
		if (!alive)
			return;
		/* First: an operator who wants a pause would feel how long the rest takes. */
		bool leaving = run_watch_operator(r);
		double now = clock_monotonic();
		if (shared && now >= next_lease && coordinator) {
			bool got;
			(void)!lease_coordinate(&r->setup->ledger, r->setup->control, r->id,
						r->token, r->setup->lease, &got, &ignored);
			next_lease = now + r->setup->lease / 3;
		}
		if (now >= next_count && !leaving) {
			struct err bad = { 0 };
			if (shared && now >= next_good && !still_good(r, &bad))
				run_fail(r, &bad);
			if (shared)
				(void)!forecast_count(r, &c, &ignored);
			else
				forecast_add(r, &c, rows, bytes);
			forecast_tell(r, &c);
			if (shared)
				run_notes_emit(r, r->setup->control);
			next_count = now + recount;
		}
		run_watch_schedule(r);
		if (!leaving)
			run_watch_throttle(r);
		if (stop_requested())
			run_quit(r);
		if (r->setup->steer->knobs.stop == STOP_NOW)
			run_cancel(r);
		control_wait(r->setup->steer, r->setup->control, r->wake,
			     leaving ? tick_leaving : tick);
		(void)eventfd_read(r->wake, &ended);
	}
}

static void work_phase(struct run *r, bool coordinator)
{
	const struct batch_setup *setup = r->setup;
	int n = !setup->ledger.shared	       ? 1
		: setup->writers < MAX_WRITERS ? setup->writers
					       : MAX_WRITERS;
	struct worker workers[MAX_WRITERS] = { 0 };
	pthread_t threads[MAX_WRITERS];
	struct counts c = { 0 };
	struct err err = { 0 };
	int started = 0;

	if (!still_good(r, &err) || !forecast_count(r, &c, &err)) {
		/* Else the session was lost: the next question finds that out. */
		if (pg_alive(setup->control))
			run_fail(r, &err);
		return;
	}
	forecast_begin(r, &c);
	forecast_add(r, &c, -r->sum.rows, -r->sum.bytes);
	r->workers_alive = n;
	throttle_turn(r->throttle); /* the first batch keeps to a decision too */
	run_take_knobs(r);
	for (; started < n; started++) {
		workers[started] = (struct worker){ .run = r,
						    .number = started,
						    .borrowed = !setup->ledger.shared };
		if (pthread_create(&threads[started], NULL, worker_main, &workers[started]) != 0)
			break;
	}
	pthread_mutex_lock(&r->lock);
	r->workers_alive -= n - started;
	r->workers = workers;
	r->n_workers = started;
	pthread_mutex_unlock(&r->lock);
	if (started == 0) {
		err_set(&err, ERR_BUG, "no thread could be started");
		run_fail(r, &err);
	}
	watch(r, &c, coordinator);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	r->n_workers = 0;
	/* With a lost server there is nobody to ask; the failure tells. */
	if (pg_alive(setup->control)) {
		run_notes_emit(r, setup->control);
		setup->steer->told = 0; /* the last word is told in any case */
		if (forecast_count(r, &c, &err))
			forecast_tell(r, &c);
	}
}

static bool leave(const struct run *r)
{
	return r->failed || (atomic_load(&r->quit) && !r->held) || atomic_load(&r->spent) ||
	       stop_requested();
}

/* Whether any program's workers passed over rows of this phase since it was planned last. */
static bool any_skipped(struct run *r, bool *any, struct err *err)
{
	AUTO_ROWS struct pg_rows *rows = NULL;
	char id[24], phase[12];

	snprintf(id, sizeof(id), "%lld", (long long)r->id);
	snprintf(phase, sizeof(phase), "%d", r->phase_index);
	if (!ledger_query(
		    &r->setup->ledger, r->setup->control,
		    "SELECT coalesce(sum(skipped), 0) > 0 FROM @.range WHERE run = $1::bigint AND phase = $2::int"
		    " AND sweep = (SELECT sweep FROM @.run WHERE id = $1::bigint)",
		    (struct pg_param[]){ PG_P_TEXT(id), PG_P_TEXT(phase) }, 2, &rows, err))
		return false;
	*any = pg_bool(rows, 0, 0);
	return true;
}

/* After the workers left a phase with no range open: sweep again, go on, or end.  *over: the run
 * has ended. */
static bool advance(struct run *r, struct run_state *s, bool *over, struct err *err)
{
	const struct batch_job *job = r->job;
	int64_t rows = 0;
	bool mine, any;

	/* A dry run leaves everything pending. */
	if (!r->setup->dry_run && s->sweep + 1 < r->phase->max_sweeps &&
	    (!any_skipped(r, &any, err) || (any && !plan(r, s->sweep + 1, &rows, err))))
		return false;
	if (rows > 0)
		return true;
	if (s->phase + 1 < job->n_phases)
		return update_run(r, "phase = phase + 1, sweep = 0, planned = false", &mine, err);
	*over = true;
	return durable_barrier(r->setup->control, err) &&
	       update_run(r, "state = 'done', ended = clock_timestamp()", &mine, err);
}

static bool coordinate(struct run *r, bool *got, struct err *err)
{
	return lease_coordinate(&r->setup->ledger, r->setup->control, r->id, r->token,
				r->setup->lease, got, err);
}

/* A row that was skipped is seen again by the next sweep: only the last one's count. */
static void note_sweep(struct run *r, const struct run_state *s)
{
	if (s->phase != r->seen_phase)
		r->skipped_before = r->sum.skipped;
	else if (s->sweep != r->seen_sweep)
		r->sum.skipped = r->skipped_before;
	r->seen_phase = s->phase;
	r->seen_sweep = s->sweep;
}

/* One turn: plan, work, or wait for the coordinator.  *over when the run has ended. */
static bool turn(struct run *r, struct run_state *s, bool *over, struct err *err)
{
	AUTO_ROWS struct pg_rows *left = NULL;
	bool coordinator;
	char id[24], phase[12];
	int64_t rows;

	if (!run_hold(r))
		return true;
	if (!run_state_by_id(r->setup, r->id, s, err) || !coordinate(r, &coordinator, err))
		return false;
	note_sweep(r, s);
	if (!s->open) {
		*over = true;
		return true;
	}
	if (s->phase < 0 || s->phase >= r->job->n_phases)
		return err_set(err, ERR_UNSUPPORTED,
			       "run %lld is in phase %d, which this plmaint does not have",
			       (long long)r->id, s->phase),
		       err_hint(
			       err,
			       "Use the plmaint that began it, or drop the ledger with `plmaint pre-migrate reset`.");
	r->phase_index = s->phase;
	r->phase = &r->job->phases[s->phase];
	if (!s->planned) {
		if (coordinator)
			return plan(r, 0, &rows, err);
		(void)!stop_wait(waiting);
		return true;
	}
	snprintf(id, sizeof(id), "%lld", (long long)r->id);
	snprintf(phase, sizeof(phase), "%d", r->phase_index);
	if (!ledger_query(
		    &r->setup->ledger, r->setup->control,
		    "SELECT EXISTS (SELECT FROM @.range WHERE run = $1::bigint AND phase = $2::int AND NOT finished)",
		    (struct pg_param[]){ PG_P_TEXT(id), PG_P_TEXT(phase) }, 2, &left, err))
		return false;
	if (pg_bool(left, 0, 0)) {
		work_phase(r, coordinator);
		if (r->failed) {
			*err = r->failure;
			return false;
		}
		return true;
	}
	if (coordinator)
		return advance(r, s, over, err);
	(void)!stop_wait(waiting);
	return true;
}

/* A server that restarts is waited for: the control session is made anew. */
static bool reconnect(struct batch_setup *setup, struct err *err)
{
	double since = clock_monotonic();

	if (!setup->ledger.shared)
		return false;
	while (!stop_requested() && clock_monotonic() - since < setup->retry_for) {
		if (run_reconnect(setup, err))
			return true;
		if (err->code != ERR_CONNECT && err->code != ERR_RETRY)
			return false;
		(void)!stop_wait(0.25);
	}
	return false;
}

static void end_session(struct run *r, const struct err *err)
{
	struct err ignored;
	int64_t withdrawn;
	bool mine;

	if (!pg_alive(r->setup->control))
		return;
	if (err->code == ERR_IO)
		(void)!verdicts_withdraw(r, r->setup->control, &withdrawn, &ignored);
	(void)!update_run(r, "token = NULL, lease_until = NULL, pid = NULL, backend_start = NULL",
			  &mine, &ignored);
}

/* What a session of this program has beside the ledger's row. */
static void begin(struct run *r, const struct run_state *s, bool joined)
{
	const struct batch_setup *setup = r->setup;

	r->id = s->id;
	r->sum.joined = joined;
	lease_token(r->token);
	pthread_mutex_init(&r->lock, NULL);
	pthread_mutex_init(&r->alone, NULL);
	clock_cond_init(&r->changed);
	r->last_note = &r->notes;
	r->phase = &r->job->phases[0];
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->throttle = throttle_open(&(struct throttle_setup){ .options = setup->throttle,
							      .connect_arg = setup->connect_arg,
							      .connect = setup->connect,
							      .disconnect = setup->disconnect,
							      .reporter = setup->reporter });
	r->readers = readers_start(setup->readers, setup->nice, r->throttle);
	forecast_open(r);
	if (joined)
		EMIT(setup->reporter, "join", F_TEXT("label", r->job->label),
		     F_INT("open_run", s->id), F_TEXT("options", s->options));
}

static void release(struct run *r)
{
	run_notes_free(r);
	auto_close(&r->wake);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->alone);
}

/* Until the run has ended (*over), or this program must leave it. */
static bool work(struct run *r, struct run_state *s, bool *over, struct err *err)
{
	bool ok;

	do {
		ok = turn(r, s, over, err);
		if (!ok && !r->failed && err->code == ERR_HELD) {
			ok = true; /* the plan is made after the hold */
			r->setup->steer->looked = 0;
		}
		if (!ok && !r->failed && !pg_alive(r->setup->control))
			ok = reconnect(r->setup, err);
		/* Rows that one writer gave back came too late for another. */
		if (r->budget > 0)
			atomic_store(&r->spent, false);
	} while (ok && !*over && !leave(r));
	return ok;
}

bool batch_run(const struct batch_setup *given, const struct batch_job *job,
	       struct batch_result *ret, struct err *err)
{
	struct batch_setup setup = *given;
	struct run r = { .setup = &setup,
			 .job = job,
			 .budget = setup.max_rows > 0 ? setup.max_rows : -1 };
	AUTO_RUN_STATE struct run_state s = { 0 };
	double started = clock_monotonic(), held = setup.steer->held;
	bool over = false, joined = false;

	*ret = (struct batch_result){ 0 };
	if (!run_open_or_join(&setup, job, &s, &joined, err))
		return false;
	if (s.id == 0) {
		*ret = (struct batch_result){ .nothing = true };
		return true;
	}
	begin(&r, &s, joined);
	bool ok = work(&r, &s, &over, err);
	readers_stop(r.readers);
	throttle_tell(r.throttle, job->label);
	throttle_close(r.throttle);
	forecast_close(&r, ok && over);
	if (!ok)
		end_session(&r, err);
	else if (!over && (ok = durable_barrier(setup.control, err)))
		end_session(&r, &(struct err){ 0 });
	r.sum.run = r.id;
	r.sum.held = setup.steer->held - held;
	r.sum.seconds = clock_monotonic() - started - r.sum.held;
	r.sum.rested /= setup.ledger.shared ? setup.writers : 1;
	r.sum.stopped = ok && !over;
	*ret = r.sum;
	control_tell(setup.steer, setup.control, "between", "");
	release(&r);
	return ok;
}
