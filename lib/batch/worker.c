/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A writer thread: leases a range, walks it in windows, commits each window as one transaction.
 *
 * What a kill does at each place: before COMMIT nothing happened, the range's pos still stands
 * before the window; after COMMIT rows, verdicts and pos moved together.  The lease dies with the
 * session, so another worker goes on from pos at once.
 */
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/priority.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum { ATTEMPTS_BEFORE_SPLIT = 3, ATTEMPTS = 8, ATTEMPTS_LOCKED = 2 };
static const double range_wait =
	0.05; /* seconds between looks whether another program left a range */

struct slot { /* a window with its loading; two of them alternate */
	struct batch_window window;
	struct loading loading;
	bool large; /* one row is more than the window's share of the memory */
	bool alone; /* it has the run's turn for such windows */
};

static void window_clear(struct batch_window *w)
{
	if (w->release)
		w->release(w->backing);
	free(w->rows);
	*w = (struct batch_window){ 0 };
}

void run_doze(struct run *r, double seconds)
{
	struct timespec until = clock_after(seconds);

	pthread_mutex_lock(&r->lock);
	while (!atomic_load(&r->quit)) {
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until) == ETIMEDOUT)
			break;
	}
	pthread_mutex_unlock(&r->lock);
}

/* Sleeps until a worker of this program leaves a range, which may have been the last; others'
 * ranges are looked at again after a while. */
static void doze_for_range(struct run *r, unsigned seen)
{
	struct timespec until = clock_after(range_wait);

	pthread_mutex_lock(&r->lock);
	while (!atomic_load(&r->quit) && r->ranges_left == seen) {
		if (pthread_cond_timedwait(&r->changed, &r->lock, &until) == ETIMEDOUT)
			break;
	}
	pthread_mutex_unlock(&r->lock);
}

static unsigned ranges_left(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	unsigned n = r->ranges_left;
	pthread_mutex_unlock(&r->lock);
	return n;
}

static void leave_range(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	r->ranges_left++;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static double backoff(int attempt)
{
	double d = 0.05 * (double)(1u << (attempt < 6 ? attempt : 6));

	return d * (0.5 + (double)(random() & 0xffff) /
				  0x20000); /* jitter: two workers must not meet again */
}

static void reset_fates(struct batch_row **rows, size_t n, const enum row_fate *before)
{
	for (size_t i = 0; i < n; i++)
		rows[i]->fate = before[i];
}

/*
 * Commits a batch; what the database refuses is found by halving.  stay: where the checkpoint
 * stays for the first half; NULL: keys ascend, so it can be the first half's own last key.
 */
static bool settle(struct worker *w, const struct lease *lease, struct batch_row **rows, size_t n,
		   const unsigned char *stay, const unsigned char pos[16], bool last, bool *mine,
		   struct err *err)
{
	AUTO_FREE enum row_fate *before = xcalloc(n + 1, sizeof(*before));
	struct err refused = { 0 };

	for (size_t i = 0; i < n; i++)
		before[i] = rows[i]->fate;
	for (int attempt = 0;; attempt++) {
		err->code = ERR_NONE;
		if (batch_commit(w, lease, rows, n, pos, last, refused.code ? &refused : NULL, mine,
				 err))
			return true;
		bool retry = err->code == ERR_RETRY,
		     data = err->code == ERR_DATA && err->native[0] != '\0';
		if ((!retry && !data) || !pg_alive(w->db) || atomic_load(&w->run->quit))
			return false;
		reset_fates(rows, n, before);
		bool locked = strcmp(err->native, "55P03") == 0, again = rows[0]->contended;
		for (size_t i = 0; i < n; i++)
			rows[i]->contended = locked;
		if (n > 1 && (data || attempt >= ATTEMPTS_BEFORE_SPLIT || (locked && again))) {
			size_t half = n / 2;
			return settle(w, lease, rows, half, stay, stay ? stay : rows[half - 1]->key,
				      false, mine, err) &&
			       (!*mine || settle(w, lease, rows + half, n - half, stay, pos, last,
						 mine, err));
		}
		if (data && n == 1) {
			refused = *err;
			rows[0]->fate = before[0] = FATE_QUARANTINED;
		} else if (retry && n == 1 && attempt >= (locked ? ATTEMPTS_LOCKED : ATTEMPTS)) {
			rows[0]->fate = before[0] = FATE_SKIPPED;
		} else if (attempt > ATTEMPTS + 2) {
			return false;
		}
		if (retry)
			do /* a batch that was cancelled for others waits until it may work */
				run_doze(w->run, backoff(attempt));
			while (atomic_load(&w->run->duty) <= 0 && !atomic_load(&w->run->quit));
	}
}

/* Rows of the batch that begins at from: as many as it may hold, but rather a smaller one (not
 * below a quarter) than one that reaches into the next turn. */
static size_t batch_end(const struct batch_window *win, size_t from, size_t step)
{
	size_t end = win->n - from < step ? win->n : from + step;

	for (size_t i = from + step / 4 + 1; i < end; i++) {
		if (win->rows[i]->turn != win->rows[i - 1]->turn)
			return i;
	}
	return end;
}

/* A window as one batch, or in batches of the phase's own order: then only the last one moves pos.
 */
static bool settle_window(struct worker *w, const struct lease *lease,
			  const struct batch_window *win, const unsigned char after[16],
			  const unsigned char pos[16], bool *mine, struct err *err)
{
	struct run *r = w->run;
	size_t step = r->phase->window_rows > 0 ? (size_t)atomic_load(&r->batch_rows) : win->n;

	/* A wish that came while the window was prepared is not met by beginning a batch. */
	for (size_t from = 0, n; *mine && (from < win->n || win->n == 0) && !atomic_load(&r->quit);
	     from += n) {
		n = batch_end(win, from, step) - from;
		bool end = from + n == win->n;
		double started = clock_monotonic();
		throttle_begin(r->throttle);
		if (atomic_load(&r->quit)) { /* while it waited to begin */
			throttle_end(r->throttle, 0, 0);
			break;
		}
		bool ok = settle(w, lease, win->rows + from, n,
				 r->phase->window_rows > 0 ? after : NULL, end ? pos : after,
				 end && win->last, mine, err);
		throttle_end(r->throttle, ok ? n : 0, clock_monotonic() - started);
		if (!ok)
			return false;
		if (r->phase->window_rows > 0) {
			forecast_batch(r,
				       &(struct batch){
					       .rows = n,
					       .firsts = forecast_firsts(win->rows + from, n),
					       .started = started,
					       .before = win->took * (double)n / (double)win->n });
			run_rest(r, started);
		}
		if (end)
			break;
	}
	return true;
}

/* How many rows this worker may take now; they are given back when fewer were fetched. */
static int64_t budget_take(struct run *r, int64_t want)
{
	pthread_mutex_lock(&r->lock);
	int64_t take = r->budget < 0 || r->budget > want ? want : r->budget;
	if (r->budget >= 0)
		r->budget -= take;
	pthread_mutex_unlock(&r->lock);
	return take;
}

static void budget_return(struct run *r, int64_t n)
{
	pthread_mutex_lock(&r->lock);
	if (r->budget >= 0)
		r->budget += n;
	pthread_mutex_unlock(&r->lock);
}

/* What was taken and not settled, somebody may take again. */
static void leave_window(struct run *r, struct slot *s, int64_t settled)
{
	budget_return(r, (int64_t)s->window.n - settled);
	window_clear(&s->window);
	if (s->alone)
		pthread_mutex_unlock(&r->alone);
	s->large = s->alone = false;
}

/* The session goes where the run wants it, and the thread with it: a transaction of one that waits
 * for the other would hold its locks for longer. */
static void step_back(struct worker *w, int far)
{
	pthread_mutex_lock(&w->run->lock);
	if (w->db && far != w->far) {
		w->far = far;
		bool moved = pg_step_back(w->db, far);
		if (moved)
			priority_become(far);
		w->last = moved && far >= PRIORITY_LAST;
	}
	pthread_mutex_unlock(&w->run->lock);
}

static bool fetch(struct worker *w, const struct lease *lease, const unsigned char *after,
		  struct slot *s, struct err *err)
{
	struct run *r = w->run;
	const struct batch_setup *setup = r->setup;
	/* Two windows a writer, and each byte is held about three times: file, parameter, send
	 * buffer. */
	size_t bytes = setup->memory / (size_t)(setup->writers * 2 * 3);
	int64_t take = budget_take(r, r->phase->window_rows > 0 ? r->phase->window_rows
								: atomic_load(&r->batch_rows));

	if (take == 0) {
		s->window = (struct batch_window){ 0 };
		readers_submit(r->readers, &s->loading, r->phase, &s->window);
		return true;
	}
	step_back(w, atomic_load(&r->far));
	double began = clock_monotonic();
	throttle_begin(r->throttle);
	bool ok = r->phase->fetch(r->phase->ctx, w->db, after == batch_before_all ? NULL : after,
				  lease->hi, (int)take, bytes, &s->window, err);
	throttle_end(r->throttle, 0, 0);
	if (!ok) {
		budget_return(r, take);
		return false;
	}
	budget_return(r, take - (int64_t)s->window.n);
	if (r->phase->window_rows > 0) {
		s->window.took = clock_monotonic() - began;
		forecast_window(r, &s->window);
	}
	s->large = s->window.bytes > bytes;
	if (!s->large) /* else its turn comes when this writer holds no other window */
		readers_submit(r->readers, &s->loading, r->phase, &s->window);
	return true;
}

/* Waits until a fetched window is loaded; once the run ends it is not loaded any more. */
static void load(struct run *r, struct slot *s)
{
	if (s->large && atomic_load(&r->quit))
		return;
	if (s->large) {
		pthread_mutex_lock(&r->alone);
		s->alone = true;
		readers_submit(r->readers, &s->loading, r->phase, &s->window);
	}
	if (atomic_load(&r->quit))
		readers_drop(r->readers, &s->loading);
	readers_wait(r->readers, &s->loading);
}

/* The key after which a range goes on; its lo is still to be looked at, so that is the one before.
 */
static const unsigned char *before(const struct lease *lease, unsigned char place[16])
{
	if (lease->has_pos)
		return memcpy(place, lease->pos, 16);
	if (memcmp(lease->lo, batch_before_all, 16) == 0)
		return batch_before_all;
	memcpy(place, lease->lo, 16);
	for (int i = 15; place[i]-- == 0; i--)
		;
	return place;
}

static bool walk(struct worker *w, const struct lease *lease, struct err *err)
{
	struct run *r = w->run;
	struct slot slots[2] = { 0 };
	unsigned char place[16];
	const unsigned char *after = before(lease, place);
	bool mine = true, ok = true;
	int now = 0;

	ok = fetch(w, lease, after, &slots[0], err);
	if (ok) /* else nothing was handed to the readers */
		load(r, &slots[0]);
	run_stand(r);
	while (ok && mine && !atomic_load(&r->quit)) {
		struct slot *s = &slots[now], *ahead = &slots[1 - now];
		if (s->window.n == 0 && !s->window.last) {
			atomic_store(&r->spent, true);
			break;
		}
		bool last = s->window.last;
		const unsigned char *pos = last ? lease->hi : s->window.end;
		double started = clock_monotonic();
		bool looked = false;
		if (!last) {
			looked = ok = fetch(w, lease, s->window.end, ahead, err);
			if (!ok)
				break;
		}
		size_t bytes = s->window.bytes;
		int64_t already = w->settled;
		ok = settle_window(w, lease, &s->window, after, pos, &mine, err);
		after = memcpy(place, s->window.end, 16);
		leave_window(r, s, w->settled - already);
		double applied = clock_monotonic();
		if (looked)
			load(r, ahead);
		/* Else each of its batches was timed, and has rested. */
		if (r->phase->window_rows == 0 && w->settled > already)
			forecast_batch(r, &(struct batch){ .rows = (size_t)(w->settled - already),
							   .bytes = bytes,
							   .started = started,
							   .waited = clock_monotonic() - applied });
		if (last)
			break;
		now = 1 - now;
		if (r->phase->window_rows == 0)
			run_rest(r, started);
	}
	leave_window(r, &slots[0], 0);
	leave_window(r, &slots[1], 0);
	return ok;
}

static bool open_session(struct worker *w, struct err *err)
{
	struct run *r = w->run;
	const struct batch_setup *setup = r->setup;
	char name[16];

	struct pg *db = setup->control;

	if (!w->borrowed) {
		snprintf(name, sizeof(name), "w%d", w->number);
		if (!setup->connect(setup->connect_arg, name, &db, err))
			return false;
	}
	pthread_mutex_lock(&r->lock);
	w->db = db;
	w->far = 0;
	w->last = false;
	pthread_mutex_unlock(&r->lock);
	AUTO_FREE char *touch = ledger_sql(&setup->ledger, lease_touch_sql);
	AUTO_FREE char *checkpoint = ledger_sql(
		&setup->ledger,
		"UPDATE @.range SET pos = $4, done = done + $5, changed = changed + $6, partial = partial + $7,"
		" quarantined = quarantined + $8, skipped = skipped + $9, bytes = bytes + $10, finished = $11,"
		" debt = greatest(debt, $12), token = CASE WHEN $11 THEN NULL ELSE token END WHERE run = $1 AND id = $2 AND token = $3");
	const uint32_t touch_types[] = { PG_INT8, PG_INT4, PG_UUID, PG_FLOAT8 };
	const uint32_t types[] = { PG_INT8, PG_INT4, PG_UUID, PG_UUID, PG_INT4, PG_INT4,
				   PG_INT4, PG_INT4, PG_INT4, PG_INT8, PG_BOOL, 21 /* int2 */ };
	return (!r->phase->session_sql || pg_exec(w->db, r->phase->session_sql, err)) &&
	       pg_exec(w->db, "DEALLOCATE ALL", err) &&
	       pg_prepare(w->db, "touch", touch, touch_types, 4, err) &&
	       pg_prepare(w->db, "checkpoint", checkpoint, types, 12, err) &&
	       r->phase->prepare(r->phase->ctx, w->db, err);
}

/* in_order: it has left its last range. */
static void close_session(struct worker *w, bool in_order)
{
	step_back(w, 0);
	pthread_mutex_lock(&w->run->lock);
	struct pg *db = w->db;
	w->db = NULL;
	pthread_mutex_unlock(&w->run->lock);
	if (w->borrowed)
		return;
	/* In a pause nobody needs it again, and to ask whether it may be kept would be felt. */
	if (db && in_order && !atomic_load(&w->run->quit))
		w->run->setup->disconnect(w->run->setup->connect_arg, db);
	else
		pg_close(db);
}

/* Leases and walks until no range is left.  false: the session is lost, or the run has to end. */
static bool work(struct worker *w, struct err *err)
{
	struct run *r = w->run;

	while (!atomic_load(&r->quit) && !atomic_load(&r->spent)) {
		struct lease lease;
		bool got, left;
		unsigned seen = ranges_left(r);
		if (!lease_claim(&r->setup->ledger, w->db, r->id, r->phase_index, r->setup->lease,
				 &lease, &got, &left, err))
			return false;
		if (!got && !left)
			return true;
		if (!got) {
			doze_for_range(r, seen);
			continue;
		}
		bool walked = walk(w, &lease, err);
		leave_range(r);
		if (!walked) {
			struct err ignored;
			if (pg_alive(w->db) && (w->borrowed || !atomic_load(&r->quit)))
				(void)!lease_release(&r->setup->ledger, w->db, &lease, &ignored);
			return false;
		}
		if (atomic_load(&r->quit) || atomic_load(&r->spent))
			return lease_release(&r->setup->ledger, w->db, &lease, err);
	}
	return true;
}

void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct run *r = w->run;
	double since = clock_monotonic(); /* of the last row that went through */
	int64_t rows_then = -1;
	bool in_order = false;

	for (int attempt = 0; !atomic_load(&r->quit); attempt++) {
		struct err err = { 0 };
		in_order = (w->db || open_session(w, &err)) && work(w, &err);
		if (in_order)
			break;
		if (err.code == ERR_RETRY && atomic_load(&r->quit))
			break; /* cancelled because a pause or a stop did not wait for it */
		bool lost = err.code == ERR_CONNECT || err.code == ERR_RETRY ||
			    (w->db && !pg_alive(w->db));
		pthread_mutex_lock(&r->lock);
		bool moved = r->sum.rows != rows_then;
		rows_then = r->sum.rows;
		pthread_mutex_unlock(&r->lock);
		if (moved) {
			since = clock_monotonic();
			attempt = 0;
		}
		/* A temporary ledger is gone with its session: nothing to go on with. */
		if (!lost || w->borrowed || clock_monotonic() - since > r->setup->retry_for) {
			run_fail(r, &err);
			break;
		}
		close_session(w, false);
		run_doze(r, backoff(attempt));
	}
	close_session(w, in_order);
	pthread_mutex_lock(&r->lock);
	r->workers_alive--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	(void)eventfd_write(r->wake, 1);
	return NULL;
}
