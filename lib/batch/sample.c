/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The passes over the blocks: read, one block to warm up each session, first time, and again. */
#include "lib/batch/sample.h"
#include "lib/batch/measure.h"
#include "lib/batch/readers.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

enum { MOST_WRITERS = 16, LEAST_ROWS = 12, AGAINS = 9 };
enum { listen_ms = 25 }; /* between two looks whether an operator wants something else */
/* Seconds between two looks at the same rows: what holds the disk up for a moment counts once.  Of
 * twelve looks at 300 rows of an idle machine the dearest took 1.3 to 2.7 times what the cheapest
 * did. */
static const double between = 0.2;
/* A block that somebody's lock holds up is passed over. */
static const char session_sql[] = "SET statement_timeout TO '5s'; SET lock_timeout TO '200ms'";
static const double longest_statement = 5, least_statement = 0.05; /* seconds */
static const double first_share = 0.6; /* of the time: then the second pass must begin */
static const double slow_read = 0.05; /* seconds of a row: no statement takes so long to be known */

enum pass { PASS_READ, PASS_WARM, PASS_ONE, PASS_FIRST, PASS_AGAIN };

struct work {
	struct sample_block seen;
	const struct sample_part *part;
	unsigned char after[16], hi[16]; /* its keys: after < key <= hi */
	bool from_first;		 /* after counts for nothing */
	struct batch_window window;	 /* of fill, loaded */
	enum row_fate *fate;		 /* of its rows when they had been loaded */
	bool lost;			 /* could not be written: somebody's lock, a bad row */
	double one_read, one_fill, one_detach;
	double warm_fill, warm_detach;	     /* its first row, of the first in its session */
	double fill[AGAINS], detach[AGAINS]; /* each time it was written again */
};

struct hand {
	struct sampling *of;
	struct pg *db;
	size_t number;
	const void *ready; /* what its statements are for */
	double warm;	   /* seconds of its first block, the first time of all */
	struct err err;
	bool failed;
};

struct sampling {
	const struct batch_setup *setup;
	struct work *work;
	size_t n;
	struct hand hand[MOST_WRITERS];
	size_t hands;
	struct readers *readers;
	enum pass pass;
	int again;	       /* which of them */
	size_t most;	       /* rows of a block: what takes longer does not fit into the time */
	double read_until;     /* no block is begun then */
	atomic_size_t at_work; /* hands */
	int over;	       /* eventfd: a hand has ended */
	atomic_bool held;      /* an operator wants a pause or a stop */
	double until;
};

static void window_release(struct batch_window *w)
{
	if (w->release)
		w->release(w->backing);
	free(w->rows);
	*w = (struct batch_window){ 0 };
}

static void before_key(unsigned char key[16])
{
	for (int i = 15; i >= 0 && key[i]-- == 0; i--)
		;
}

static void plan_blocks(struct sampling *s, const struct sample_part *parts, size_t n)
{
	for (size_t p = 0; p < n; p++) {
		for (size_t b = 0; b < parts[p].blocks; b++) {
			struct work *w = &s->work[s->n++];
			*w = (struct work){ .part = &parts[p],
					    .from_first = !parts[p].starts,
					    .one_read = NAN,
					    .one_fill = NAN,
					    .one_detach = NAN,
					    .warm_fill = NAN,
					    .warm_detach = NAN,
					    .seen = { .part = (int)p,
						      .fetch = NAN,
						      .load = NAN,
						      .reading = NAN,
						      .hashing = NAN,
						      .parsing = NAN,
						      .fill = NAN,
						      .fill_first = NAN,
						      .detach = NAN,
						      .detach_first = NAN } };
			for (int i = 0; i < AGAINS; i++)
				w->fill[i] = w->detach[i] = NAN;
			memset(w->hi, 0xff, sizeof(w->hi));
			if (parts[p].starts) {
				memcpy(w->after, parts[p].starts[b], 16);
				before_key(w->after);
			}
			if (parts[p].starts && b + 1 < parts[p].blocks) {
				memcpy(w->hi, parts[p].starts[b + 1], 16);
				before_key(w->hi);
			}
		}
	}
}

/* A lock of somebody's, or a row that the database refuses, costs the block and not the estimate.
 */
static bool may_pass_over(const struct pg *db, const struct err *err)
{
	return pg_alive(db) && (err->code == ERR_RETRY || err->code == ERR_DATA);
}

/* Rows of a block, so that all that a hand reads fits into the time by what its one row took. */
static int rows_to_read(const struct sampling *s, const struct work *w)
{
	double blocks = ceil((double)s->n / (double)s->hands);
	double at_once = fmax(1, s->setup->readers / (double)s->hands);
	double rows = (s->read_until - clock_monotonic()) / blocks * at_once / w->one_read;

	return (int)fmax(1, fmin(rows, w->part->block_rows)); /* not known: all */
}

static bool read_block(struct sampling *s, struct pg *db, struct work *w, struct err *err)
{
	const struct batch_phase *phase = w->part->fill;
	struct loading loading;
	double began = clock_monotonic();

	if (!phase->fetch(phase->ctx, db, w->from_first ? NULL : w->after, w->hi,
			  rows_to_read(s, w), s->setup->memory / (3 * s->n), &w->window, err)) {
		w->lost = true;
		return may_pass_over(db, err);
	}
	double fetched = clock_monotonic();
	w->seen.fetch = fetched - began;
	readers_submit(s->readers, &loading, phase, &w->window);
	readers_wait(s->readers, &loading);
	w->seen.load = clock_monotonic() - fetched;
	w->seen.rows = w->window.n;
	w->seen.bytes = w->window.bytes;
	w->fate = xcalloc(w->window.n + 1, sizeof(*w->fate));
	for (size_t i = 0; i < w->window.n; i++)
		w->fate[i] = w->window.rows[i]->fate;
	w->seen.reading = w->seen.hashing = w->seen.parsing = 0;
	for (size_t i = 0; i < w->window.n; i++) {
		const struct batch_row *row = w->window.rows[i];
		w->seen.bad += w->fate[i] == FATE_QUARANTINED;
		w->seen.reading += row->reading;
		w->seen.hashing += row->hashing;
		w->seen.parsing += row->parsing;
	}
	return true;
}

/* One row, first so that the statement is known, then timed. */
static bool read_one(struct sampling *s, struct pg *db, struct work *w, struct err *err)
{
	const struct batch_phase *phase = w->part->fill;

	for (int i = 0; i < 2 && !(w->one_read > slow_read); i++) {
		struct batch_window window = { 0 };
		struct loading loading;
		double began = clock_monotonic();
		if (!phase->fetch(phase->ctx, db, w->from_first ? NULL : w->after, w->hi, 1,
				  SIZE_MAX, &window, err))
			return may_pass_over(db, err);
		readers_submit(s->readers, &loading, phase, &window);
		readers_wait(s->readers, &loading);
		w->one_read = clock_monotonic() - began;
		window_release(&window);
	}
	return true;
}

/* The first rows of it, at most so many. */
static bool fill_block(struct pg *db, struct work *w, size_t most, double *seconds, struct err *err)
{
	const struct batch_phase *phase = w->part->fill;
	size_t n = w->window.n < most ? w->window.n : most;
	double began = clock_monotonic();
	int debt = 0;

	if (!phase || n == 0)
		return true;
	for (size_t i = 0; i < n; i++)
		w->window.rows[i]->fate = w->fate[i];
	bool ok = phase->apply(phase->ctx, db, w->window.rows, n, &debt, err);
	*seconds = clock_monotonic() - began;
	return ok;
}

static bool detach_block(struct pg *db, struct work *w, size_t most, double *seconds,
			 struct err *err)
{
	const struct batch_phase *phase = w->part->detach;
	const struct batch_window *filled = &w->window;
	struct batch_window links = { 0 };
	unsigned char after[16];
	size_t n = w->part->fill ? filled->n : (size_t)w->part->block_rows;
	int debt = 0;

	n = n < most ? n : most;
	if (!phase || n == 0)
		return true;
	memcpy(after, filled->n > 0 ? filled->rows[0]->key : w->after, 16);
	if (filled->n > 0)
		before_key(after);
	bool from_first = filled->n == 0 && w->from_first;
	double began = clock_monotonic();
	bool ok = phase->fetch(phase->ctx, db, from_first ? NULL : after,
			       filled->n > 0 ? filled->rows[n - 1]->key : w->hi, (int)n, SIZE_MAX,
			       &links, err) &&
		  phase->apply(phase->ctx, db, links.rows, links.n, &debt, err);
	*seconds = clock_monotonic() - began;
	if (links.n == 0)
		*seconds = NAN;
	if (!w->part->fill && links.n > w->seen.rows)
		w->seen.rows = links.n;
	window_release(&links);
	return ok;
}

static bool write_block(struct hand *h, struct work *w, size_t most, double *fill, double *detach,
			struct err *err)
{
	double left = h->of->until - clock_monotonic();
	AUTO_FREE char *begin =
		xasprintf("BEGIN; SET LOCAL statement_timeout TO %d",
			  (int)(1000 * fmax(least_statement, fmin(left, longest_statement))));
	struct pg *db = h->db;
	struct err undo;
	bool ok = pg_exec(db, begin, err) && fill_block(db, w, most, fill, err) &&
		  detach_block(db, w, most, detach, err);

	if (pg_alive(db) && !pg_exec(db, "ROLLBACK", &undo)) {
		*err = undo;
		return false;
	}
	if (ok)
		return true;
	w->lost = true;
	/* A row that has lasted until the end of the time takes so long at least. */
	if (h->of->pass != PASS_WARM || strcmp(err->native, "57014") != 0)
		*fill = *detach = NAN;
	return may_pass_over(db, err);
}

static bool do_block(struct hand *h, struct work *w, struct err *err)
{
	struct sample_block *b = &w->seen;
	double began = clock_monotonic();
	enum pass pass = h->of->pass;

	if (pass == PASS_READ)
		return !w->part->fill ||
		       (read_one(h->of, h->db, w, err) && read_block(h->of, h->db, w, err));
	if (w->lost)
		return true;
	if (pass == PASS_WARM) {
		bool ok = write_block(h, w, 1, &w->warm_fill, &w->warm_detach, err);
		h->warm = clock_monotonic() - began;
		return ok;
	}
	if (pass == PASS_ONE)
		return write_block(h, w, 1, &w->one_fill, &w->one_detach, err);
	if (pass == PASS_FIRST)
		return write_block(h, w, h->of->most, &b->fill_first, &b->detach_first, err);
	return (isnan(b->fill_first) && isnan(b->detach_first)) ||
	       write_block(h, w, h->of->most, &w->fill[h->of->again], &w->detach[h->of->again],
			   err);
}

/*
 * The statements of a block's part.  Those of reading differ by part; those of writing by kind, and
 * are kept as long as may be, since a statement's first use is slow.
 */
static bool prepare(struct hand *h, const struct sample_part *part, enum pass pass, struct err *err)
{
	const struct batch_phase *fill = part->fill, *detach = part->detach;
	const struct batch_phase *strict = fill ? fill : detach;
	const void *wanted = pass == PASS_READ ? (const void *)part : strict->name;

	if (h->ready == wanted)
		return true;
	h->ready = NULL;
	if (!pg_exec(h->db, "DEALLOCATE ALL", err) ||
	    (strict->session_sql && !pg_exec(h->db, strict->session_sql, err)) ||
	    !pg_exec(h->db, session_sql, err) || (fill && !fill->prepare(fill->ctx, h->db, err)))
		return false;
	/* Both have a statement of this name; that of fill has been used by now. */
	if (pass != PASS_READ && detach &&
	    ((fill && !pg_exec(h->db, "DEALLOCATE \"window\"", err)) ||
	     !detach->prepare(detach->ctx, h->db, err)))
		return false;
	h->ready = wanted;
	return true;
}

static void *hand_main(void *arg)
{
	struct hand *h = arg;
	struct sampling *s = h->of;
	double left = s->until - clock_monotonic();
	double until = s->until - (s->pass == PASS_AGAIN ? 0 : (1 - first_share) * left);

	for (size_t i = h->number; i < s->n && !h->failed; i += s->hands) {
		struct work *w = &s->work[i];
		bool first = i < s->hands;
		double now = clock_monotonic();
		if (stop_requested() || atomic_load(&s->held) || (!first && now > until) ||
		    (s->pass > PASS_WARM && now > s->until))
			break;
		h->failed = !prepare(h, w->part, s->pass, &h->err) || !do_block(h, w, &h->err);
		if (s->pass == PASS_WARM)
			break;
	}
	atomic_fetch_sub(&s->at_work, 1);
	(void)eventfd_write(s->over, 1);
	return NULL;
}

/* What they do is rolled back in any case, so it may be cancelled. */
static void watch_hands(struct sampling *s)
{
	const struct batch_setup *setup = s->setup;
	struct pollfd over = { .fd = s->over, .events = POLLIN };
	eventfd_t ended;

	while (atomic_load(&s->at_work) > 0) {
		(void)poll(&over, 1, atomic_load(&s->held) ? 4 * listen_ms : listen_ms);
		(void)eventfd_read(s->over, &ended);
		if (!setup->listener || atomic_load(&s->at_work) == 0 ||
		    !listener_hears(setup->listener))
			continue;
		atomic_store(&s->held, true);
		for (size_t i = 0; i < s->hands; i++)
			pg_cancel(s->hand[i].db);
	}
}

/* All hands at once. */
static bool run_pass(struct sampling *s, enum pass pass, struct err *err)
{
	pthread_t thread[MOST_WRITERS];
	size_t started = 0;

	s->pass = pass;
	s->read_until = clock_monotonic() + first_share * (s->until - clock_monotonic());
	atomic_store(&s->at_work, s->hands);
	while (started < s->hands &&
	       pthread_create(&thread[started], NULL, hand_main, &s->hand[started]) == 0)
		started++;
	atomic_fetch_sub(&s->at_work, s->hands - started);
	watch_hands(s);
	for (size_t i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	if (started < s->hands)
		return err_set(err, ERR_BUG, "no thread could be started");
	if (atomic_load(&s->held) || stop_requested())
		return err_set(err, ERR_HELD, "stopped before there was an estimate");
	for (size_t i = 0; i < s->hands; i++) {
		if (s->hand[i].failed) {
			*err = s->hand[i].err;
			return false;
		}
	}
	return true;
}

static double rows_done(const struct sampling *s, bool again)
{
	double n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sample_block *b = &s->work[i].seen;
		double fill = again ? s->work[i].fill[0] : b->fill_first,
		       detach = again ? s->work[i].detach[0] : b->detach_first;
		n += isnan(fill) && isnan(detach) ? 0 : (double)b->rows;
	}
	return n;
}

/* NaN when none was seen. */
static double median_seen(const double *v, int n)
{
	double seen[AGAINS];
	size_t k = 0;

	for (int i = 0; i < n; i++)
		if (!isnan(v[i]))
			seen[k++] = v[i];
	return k > 0 ? median(seen, k) : NAN;
}

/* Writes all blocks again, now and a little later, as far as time allows. */
static bool again_and_again(struct sampling *s, double *wal_after_one, struct err *err)
{
	for (s->again = 0; s->again < AGAINS; s->again++) {
		double began = clock_monotonic();
		if (!run_pass(s, PASS_AGAIN, err) ||
		    (s->again == 0 && !measure_wal(s->setup->control, wal_after_one, err)))
			return false;
		double took = clock_monotonic() - began;
		if (clock_monotonic() + between + took > s->until)
			break;
		if (s->again + 1 < AGAINS && !stop_wait(between))
			break;
	}
	for (size_t i = 0; i < s->n; i++) {
		struct work *w = &s->work[i];
		w->seen.fill = median_seen(w->fill, AGAINS);
		w->seen.detach = median_seen(w->detach, AGAINS);
	}
	return true;
}

static void find_ones(const struct sampling *s, struct sample *ret)
{
	double *read = xcalloc(3 * s->n + 1, sizeof(*read)), *fill = read + s->n,
	       *detach = fill + s->n;
	size_t n[3] = { 0 };

	for (size_t i = 0; i < s->n; i++) {
		const struct work *w = &s->work[i];
		if (!isnan(w->one_read))
			read[n[0]++] = w->one_read;
		if (!isnan(w->one_fill))
			fill[n[1]++] = w->one_fill;
		if (!isnan(w->one_detach))
			detach[n[2]++] = w->one_detach;
	}
	ret->one_read = median(read, n[0]);
	ret->one_fill = median(fill, n[1]);
	ret->one_detach = median(detach, n[2]);
	free(read);
}

static void shrink(struct sample_block *b, size_t rows)
{
	if (rows >= b->rows)
		return;
	double share = (double)rows / (double)b->rows;
	b->fetch *= share;
	b->load *= share;
	b->reading *= share;
	b->hashing *= share;
	b->parsing *= share;
	b->bytes = b->bytes / b->rows * rows;
	b->rows = rows;
}

/* So that two passes over all blocks fit into half of the time that is left, but not so few that a
 * row's cost is lost in a batch's, unless one block would not fit: whoever is late leaves out
 * blocks. */
static void fit_blocks(struct sampling *s, double one)
{
	double left = fmax(0, s->until - clock_monotonic()) / 2;
	double blocks = ceil((double)s->n / (double)s->hands);
	double block = one > 0 ? left / (2 * one) : INFINITY;
	double rows = fmax(fmax(1, fmin(LEAST_ROWS, block)), block / blocks);

	s->most = rows < 1000000 ? (size_t)rows : SIZE_MAX;
	for (size_t i = 0; i < s->n; i++)
		shrink(&s->work[i].seen, s->most);
}

/* Where rows take seconds there was time for no more than the first of each session. */
static void take_warm(struct sampling *s)
{
	if (rows_done(s, false) > 0)
		return;
	for (size_t i = 0; i < s->hands; i++) {
		struct work *w = &s->work[i];
		w->seen.fill_first = w->warm_fill;
		w->seen.detach_first = w->warm_detach;
		shrink(&w->seen, 1);
	}
}

static bool write_passes(struct sampling *s, struct sample *ret, struct err *err)
{
	struct pg *db = s->setup->control;
	double at[3] = { 0 };

	if (!run_pass(s, PASS_WARM, err) || !run_pass(s, PASS_ONE, err))
		return false;
	find_ones(s, ret);
	fit_blocks(s, ret->one_fill + ret->one_detach);
	if (!measure_wal(db, &at[0], err) || !run_pass(s, PASS_FIRST, err) ||
	    !measure_wal(db, &at[1], err) || !again_and_again(s, &at[2], err) ||
	    !measure_commits(db, false, &ret->commit, err) ||
	    !measure_commits(db, true, &ret->commit_flushed, err))
		return false;
	if (rows_done(s, false) > 0)
		ret->wal_first = (at[1] - at[0]) / rows_done(s, false);
	if (rows_done(s, true) > 0)
		ret->wal = (at[2] - at[1]) / rows_done(s, true);
	take_warm(s);
	ret->wrote = rows_done(s, false) > 0 || s->n == 0;
	return true;
}

static void hand_over(struct sampling *s, struct sample *ret)
{
	ret->block = xcalloc(s->n + 1, sizeof(*ret->block));
	for (size_t i = 0; i < s->n; i++) {
		struct sample_block *b = &s->work[i].seen;
		ret->rows += b->rows;
		if (b->rows > 0)
			ret->block[ret->n++] = *b;
	}
	if (!ret->wrote)
		find_ones(s, ret);
	for (size_t i = 0; ret->wrote && i < s->hands; i++)
		ret->session += fmax(0, s->hand[i].warm - ret->one_fill - ret->one_detach) /
				(double)s->hands;
}

static bool open_hands(struct sampling *s, struct err *err)
{
	const struct batch_setup *setup = s->setup;
	char name[16];

	for (; s->hands < MOST_WRITERS && s->hands < (size_t)setup->writers && s->hands < s->n;
	     s->hands++) {
		struct hand *h = &s->hand[s->hands];
		*h = (struct hand){ .of = s, .number = s->hands };
		snprintf(name, sizeof(name), "sample%zu", s->hands);
		if (!setup->connect(setup->connect_arg, name, &h->db, err))
			return false;
	}
	return true;
}

static void sampling_release(struct sampling *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct work *w = &s->work[i];
		window_release(&w->window);
		free(w->fate);
	}
	for (size_t i = 0; i < s->hands; i++)
		pg_close(s->hand[i].db);
	auto_close(&s->over);
	readers_stop(s->readers);
	free(s->work);
}

bool sample_take(const struct batch_setup *setup, const struct sample_part *parts, size_t n,
		 bool write, double seconds, struct sample *ret, struct err *err)
{
	struct sampling s = { .setup = setup,
			      .over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			      .most = SIZE_MAX,
			      .until = clock_monotonic() + seconds };
	size_t blocks = 0;

	for (size_t p = 0; p < n; p++)
		blocks += parts[p].blocks;
	*ret = (struct sample){
		.commit = NAN, .commit_flushed = NAN, .wal_first = NAN, .wal = NAN
	};
	s.work = xcalloc(blocks + 1, sizeof(*s.work));
	s.readers = readers_start(setup->readers, setup->nice, NULL);
	plan_blocks(&s, parts, n);
	bool ok = open_hands(&s, err) && run_pass(&s, PASS_READ, err) &&
		  (!write || write_passes(&s, ret, err));
	if (ok)
		hand_over(&s, ret);
	sampling_release(&s);
	return ok;
}

void sample_release(struct sample *s)
{
	free(s->block);
	*s = (struct sample){ 0 };
}
