/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One batch as one transaction: the lease is proven, the rows are written, what went wrong with
 * them is recorded, and the checkpoint moves, all or nothing.
 */
#include "lib/batch/run.h"
#include <stdio.h>
#include <string.h>

enum { BAD_IN_A_ROW = 100, BAD_FLOOR = 100 };
static const double bad_share = 0.05;
const unsigned char batch_before_all[16];

struct tally {
	int done, changed, partial, quarantined, examined, skipped;
	int64_t bytes;
};

static void count(struct tally *t, struct batch_row **rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		t->changed += rows[i]->fate == FATE_CHANGED || rows[i]->fate == FATE_FINAL ||
			      rows[i]->fate == FATE_PARTIAL;
		t->partial += rows[i]->fate == FATE_PARTIAL;
		t->quarantined += rows[i]->fate == FATE_QUARANTINED;
		t->examined += rows[i]->fate == FATE_EXAMINED;
		t->skipped += rows[i]->fate == FATE_SKIPPED;
		t->bytes += (int64_t)rows[i]->bytes;
	}
	t->done = (int)n;
}

/* The trip wire: a disk that went away looks like a thousand bad rows. */
static bool breaker(struct run *r, const struct batch_notes *notes, struct err *err)
{
	pthread_mutex_lock(&r->lock);
	int64_t total = r->bad + notes->bad, seen = r->seen + (int64_t)notes->n;
	int64_t in_a_row = (int64_t)notes->tail + (notes->tail == notes->n ? r->bad_in_a_row : 0);
	pthread_mutex_unlock(&r->lock);
	bool trip = in_a_row >= BAD_IN_A_ROW ||
		    (total >= BAD_FLOOR && (double)total > bad_share * (double)seen);
	if (!trip)
		return true;
	return err_set(err, ERR_IO,
		       "%lld of %lld rows could not be read: this looks like an outage, not like bad rows",
		       (long long)total, (long long)seen),
	       err_hint(
		       err,
		       "Look at `plmaint pre-migrate quarantine list` and at the storage, then run the same command again; "
		       "what an outage caused has been withdrawn.");
}

static bool begin(struct worker *w, const struct lease *lease, bool *mine, struct err *err)
{
	struct run *r = w->run;
	struct pg_rows *rets[2] = { NULL, NULL };
	char run[24], range[12], token[37], secs[32];

	uuid_format(lease->token, token);
	snprintf(run, sizeof(run), "%lld", (long long)lease->run);
	snprintf(range, sizeof(range), "%d", lease->range);
	snprintf(secs, sizeof(secs), "%.3f", r->setup->lease);
	if (!pg_pipe_query(w->db, "BEGIN", NULL, 0, err) ||
	    !pg_pipe_execute(w->db, "touch",
			     (struct pg_param[]){ PG_P_TEXT(run), PG_P_TEXT(range),
						  PG_P_TEXT(token), PG_P_TEXT(secs) },
			     4, false, err) ||
	    !pg_pipe_flush(w->db, rets, 2, err))
		return false;
	*mine = pg_rows_count(rets[1]) == 1;
	pg_rows_free(rets[0]);
	pg_rows_free(rets[1]);
	return true;
}

static bool finish(struct worker *w, const struct lease *lease, const struct tally *t,
		   const unsigned char *pos, bool last, int debt, struct err *err)
{
	struct pg_rows *rets[2] = { NULL, NULL };
	char n[11][24], token[37], pos_text[37];
	const int64_t numbers[11] = { lease->run, lease->range,	  t->done,    t->changed,
				      t->partial, t->quarantined, t->skipped, t->bytes,
				      last,	  debt,		  0 };

	uuid_format(lease->token, token);
	if (pos != batch_before_all)
		uuid_format(pos, pos_text);
	for (int i = 0; i < 10; i++)
		snprintf(n[i], sizeof(n[i]), "%lld", (long long)numbers[i]);
	const struct pg_param p[] = { PG_P_TEXT(n[0]),
				      PG_P_TEXT(n[1]),
				      PG_P_TEXT(token),
				      PG_P_TEXT(pos == batch_before_all ? NULL : pos_text),
				      PG_P_TEXT(n[2]),
				      PG_P_TEXT(n[3]),
				      PG_P_TEXT(n[4]),
				      PG_P_TEXT(n[5]),
				      PG_P_TEXT(n[6]),
				      PG_P_TEXT(n[7]),
				      PG_P_TEXT(last ? "t" : "f"),
				      PG_P_TEXT(n[9]) };
	if (!pg_pipe_execute(w->db, "checkpoint", p, 12, false, err) ||
	    !pg_pipe_query(w->db, "COMMIT", NULL, 0, err) || !pg_pipe_flush(w->db, rets, 2, err))
		return false;
	pg_rows_free(rets[0]);
	pg_rows_free(rets[1]);
	return true;
}

/* A session that ends now takes its transaction and its lease with it: nothing is asked of it. */
static void rollback(struct worker *w)
{
	struct err ignored;

	if (pg_alive(w->db) && (w->borrowed || !atomic_load(&w->run->quit)))
		(void)!pg_exec(w->db, "ROLLBACK", &ignored);
}

bool batch_commit(struct worker *w, const struct lease *lease, struct batch_row **rows, size_t n,
		  const unsigned char *pos, bool last, const struct err *refused, bool *mine,
		  struct err *err)
{
	struct run *r = w->run;
	struct tally t = { 0 };
	struct batch_notes notes = { 0 };
	int debt = 0;

	*mine = true;
	if (!begin(w, lease, mine, err)) {
		rollback(w);
		return false;
	}
	if (!*mine) {
		rollback(w);
		return true;
	}
	if (n > 0) {
		if ((r->setup->dry_run && !pg_exec(w->db, "SAVEPOINT dry", err)) ||
		    !r->phase->apply(r->phase->ctx, w->db, rows, n, &debt, err) ||
		    (r->setup->dry_run && !pg_exec(w->db, "ROLLBACK TO SAVEPOINT dry", err)) ||
		    !verdicts_record(r, w->db, rows, n, refused, &notes, err) ||
		    !breaker(r, &notes, err)) {
			batch_notes_drop(&notes);
			rollback(w);
			return false;
		}
		count(&t, rows, n);
	}
	bool intend = w->borrowed && t.partial > 0 && r->setup->settling;
	if ((intend && !r->setup->settling(r->setup->connect_arg, w->db, err)) ||
	    !finish(w, lease, &t, pos, last, debt, err)) {
		batch_notes_drop(&notes);
		rollback(w);
		return false;
	}
	if (n > 0)
		batch_notes_publish(r, &notes);
	w->settled += t.done;
	pthread_mutex_lock(&r->lock);
	r->sum.rows += t.done;
	r->sum.changed += t.changed;
	r->sum.partial += t.partial;
	r->sum.quarantined += t.quarantined;
	r->sum.examined += t.examined;
	r->sum.skipped += t.skipped;
	r->sum.bytes += t.bytes;
	r->sum.cost[r->phase_index].rows += t.done;
	r->sum.cost[r->phase_index].bytes += t.bytes;
	pthread_mutex_unlock(&r->lock);
	if (w->borrowed && r->setup->settled &&
	    !r->setup->settled(r->setup->connect_arg, w->db, t.partial > 0, err))
		return false;
	if (t.quarantined > 0 && r->setup->fail_on_bad_row)
		return err_set(err, ERR_DATA, "%d rows are bad and on_bad_row is fail",
			       t.quarantined),
		       err_hint(
			       err,
			       "`plmaint pre-migrate quarantine list` names them; with pre-migrate.on_bad_row=quarantine the rest goes on.");
	return true;
}
