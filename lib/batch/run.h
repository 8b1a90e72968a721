/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the engine share: engine.c (phases), run_state.c (the ledger's row), plan.c
 * (ranges), worker.c (windows and batches), commit.c (one batch), verdicts.c (what went wrong). */
#pragma once
#include "lib/batch/engine.h"
#include "lib/batch/forecast.h"
#include "lib/batch/readers.h"
#include "lib/pace/hurry.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* One row's verdict on its way to the reporter; the texts are owned. */
struct note {
	struct note *link;
	enum row_fate fate;
	unsigned char key[16];
	char *digest, *media_type, *reason, *message, *hint, *missing, *sqlstate;
};

struct run {
	struct batch_setup *setup;
	const struct batch_job *job;
	const struct batch_phase *phase;
	int phase_index;
	int64_t id;
	unsigned char token[16]; /* the coordinator's seat */
	struct readers *readers;
	FILE *trace; /* gets what each batch took; NULL: none */
	int seen_phase, seen_sweep;
	int64_t skipped_before; /* in the phases before this one */
	atomic_bool quit;	/* workers leave after their batch */
	atomic_bool spent;	/* no rows are left of max_rows */
	_Atomic double duty;	/* as it is now; set by the main thread */
	atomic_bool away;	/* likewise: nobody works for a moment, whatever the duty is */
	atomic_int batch_rows;	/* likewise */
	atomic_int far;		/* likewise: how far writers step back behind others of the host */
	int wake;		/* eventfd: a worker has ended, for the main thread's poll() */
	/* Held by the writer whose window is larger than its share of the memory: of such windows
	 * one at a time is loaded and written. */
	pthread_mutex_t alone;

	/* Main thread only. */
	struct throttle *throttle; /* NULL: the duty is fixed; its begin and end are the writers' */
	struct forecast forecast;
	bool held;	    /* quit, but only until run_hold() says otherwise */
	struct hurry hurry; /* for the deadline */
	bool yielded;	    /* the writers were told to let go */
	bool hibernates;    /* it was told that it stands still for minutes */
	double limited;	    /* monotonic; up to then the step's time limit knows of rests; 0: not at
			       work */
	double looked, look_again; /* wall clock: between them the schedule says what it said */

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	int workers_alive;
	struct worker *workers; /* those of the phase; each one's db is set under the lock */
	int n_workers;
	unsigned ranges_left; /* how often a worker has left a range: who waits for one looks again
			       */
	struct batch_result sum;
	struct worked worked;		 /* for the forecast */
	struct first_rows first_rows;	 /* likewise */
	int64_t bad, bad_in_a_row, seen; /* for the breaker */
	struct pace pace;		 /* the rests of all writers together */
	int64_t budget;			 /* rows that may still be taken; -1 = no limit */
	bool failed;
	struct err failure; /* the first */
	struct note *notes, **last_note;
	int notes_kept, notes_lost;
};

/* run_state.c */

/* The run as the ledger has it; id 0: there is none. */
struct run_state {
	int64_t id;
	int phase, sweep;
	bool open, planned;
	char *options; /* owned */
};
void run_state_release(struct run_state *s);
#define AUTO_RUN_STATE __attribute__((cleanup(run_state_release)))
bool run_state_by_id(const struct batch_setup *setup, int64_t id, struct run_state *ret,
		     struct err *err) MUST_CHECK;
/* Opens a run or joins the open one.  ret->id is 0 when nothing is pending. */
bool run_open_or_join(struct batch_setup *setup, const struct batch_job *job, struct run_state *ret,
		      bool *joined, struct err *err) MUST_CHECK;

/* plan.c: cuts what is pending into ranges.  *rows: how many keys were pending. */
bool run_plan(struct run *r, struct pg *db, int sweep, int64_t *rows, struct err *err) MUST_CHECK;
bool run_pending(const struct batch_phase *phase, const struct ledger *l, struct pg *db, bool *any,
		 struct err *err) MUST_CHECK;

/* hold.c: looks at the schedule and at what operators want while writers work; they leave when one
 * of them says so. */
void run_watch_schedule(struct run *r);
/* True: a pause has come, and what the writers do is cancelled. */
bool run_watch_operator(struct run *r);
void run_watch_throttle(struct run *r);
void run_take_knobs(struct run *r);
/* stall.c: whether nothing goes on, and why; size: 256 hold it. */
bool run_stalled(struct run *r, char *why, size_t size);
/* deadline.c: hurries for it, and tells early when it will not be met; end: e in words. */
void run_watch_deadline(struct run *r, const struct eta_range *e, const char *end);
/* Workers leave after their batch, also those that rest. */
void run_quit(struct run *r);
/* What they are running is cancelled, and rolled back by the server. */
void run_cancel(struct run *r);
/* A control session that was lost is made anew: one attempt. */
bool run_reconnect(struct batch_setup *setup, struct err *err) MUST_CHECK;
/* Between phases, no writer at work: waits while a window is closed.  False: the run must end. */
bool run_hold(struct run *r) MUST_CHECK;

/* A writer's rest after work since started.  The duty counts as it is now: one that is raised ends
 * the rest sooner. */
void run_rest(struct run *r, double started);
/* Before a writer's first batch: it does not begin while nothing may. */
void run_stand(struct run *r);

/* worker.c: the body of a writer thread. */
struct worker {
	struct run *run;
	int number;
	struct pg *db;
	bool borrowed;	 /* db is the control session (single-worker ledger) */
	int64_t settled; /* rows that it has committed */
	/* How far its session stepped back; beside the run's, which a session that holds somebody
	 * up does not heed for a window. Under the run's lock. */
	int far;
	bool last; /* it did, all the way: see throttle_yields() */
};
void *worker_main(void *arg);		      /* struct worker * */
void run_doze(struct run *r, double seconds); /* sleeps unless the run ends meanwhile */

/* commit.c */

/* A place of a checkpoint, known by its address: no key is settled, and none is smaller than the
 * first. */
extern const unsigned char batch_before_all[16];
/*
 * One transaction over rows[0..n), after which the range's checkpoint stands at pos.  refused: why
 * the database refused the row that is quarantined, or NULL.  *mine is false when the lease was
 * lost: nothing was changed then.
 */
bool batch_commit(struct worker *w, const struct lease *lease, struct batch_row **rows, size_t n,
		  const unsigned char *pos, bool last, const struct err *refused, bool *mine,
		  struct err *err) MUST_CHECK;

/* verdicts.c */

/* What a batch has to tell once it is committed; a batch that is tried again tells it once. */
struct batch_notes {
	struct note *first, **last;
	int kept;
	int64_t bad; /* rows that an outage might have spoilt: their file or the server refused */
	size_t tail; /* so many of them at the end of the batch */
	size_t n;    /* rows of the batch */
};
bool verdicts_record(struct run *r, struct pg *db, struct batch_row **rows, size_t n,
		     const struct err *refused, struct batch_notes *notes,
		     struct err *err) MUST_CHECK;
void batch_notes_publish(struct run *r, struct batch_notes *notes);
void batch_notes_drop(struct batch_notes *notes);
void run_fail(struct run *r, const struct err *err);
void run_notes_free(struct run *r);
/* Emits what has gathered; main thread only. */
void run_notes_emit(struct run *r, struct pg *db);
/* Deletes what this run quarantined for reasons that may pass. */
bool verdicts_withdraw(struct run *r, struct pg *db, int64_t *n, struct err *err) MUST_CHECK;
