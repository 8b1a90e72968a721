/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Background batches over rows with a uuid key.  A job has phases; a phase is planned once into
 * ranges of pending keys, and any number of workers on any number of hosts lease ranges until none
 * is left.  A worker walks its range in windows: fetch (one keyset query), load (reader threads, no
 * database), apply (one transaction that begins with the lease's touch and ends with the
 * checkpoint).  The next window is fetched and loaded while this one is applied.
 *
 * The engine knows nothing of what a row is: a procedure binds the functions of a phase.
 */
#pragma once
#include "lib/batch/control.h"
#include "lib/batch/leases.h"
#include "lib/batch/listener.h"
#include "lib/core/event.h"
#include "lib/pace/calendar.h"
#include "lib/pace/eta.h"
#include "lib/pace/pace.h"
#include "lib/pace/throttle.h"

/* What became of a row; set by load or by apply. */
enum row_fate {
	FATE_PENDING,	  /* apply has to write it */
	FATE_CHANGED,	  /* written */
	FATE_FINAL,	  /* written, and final although it still looks pending */
	FATE_EXAMINED,	  /* looked at, final as it is although it still looks pending */
	FATE_PARTIAL,	  /* written, with fields missing */
	FATE_QUARANTINED, /* its data cannot be had */
	FATE_SKIPPED,	  /* changed or locked by somebody else: the next sweep sees it again */
	FATE_GONE	  /* no longer there, or no longer pending */
};

/* What the engine sees of a row; the phase's own struct begins with it. */
struct batch_row {
	unsigned char key[16];
	enum row_fate fate;
	size_t bytes;	/* what loading it will hold in memory */
	bool contended; /* its batch has waited for somebody's lock: apply passes over locked rows
			 */
	int turn; /* in a window with an order of its own, ascending: rows of another turn gain from
		   * a transaction of their own */
	bool first; /* it touches what none before it has, and costs more; for the forecast */
	double reading, hashing, parsing; /* seconds of its loading, for a sample */
};

/* The verdict that is recorded for a row that is not simply done. */
struct verdict {
	const char *reason;	    /* stable code, "" for examined */
	const char *message, *hint; /* for the event */
	const char *digest, *media_type, *detail, *fingerprint, *file, *domain;
	char missing[96]; /* comma separated field names */
	char sqlstate[6];
	int64_t file_size, file_changed; /* -1: was not there; 0 and file "" when no file matters */
	bool transient;			 /* may pass: withdrawn when the breaker trips */
	bool fatal;			 /* an outage: stops the run */
};

struct batch_window {
	struct batch_row **rows;
	size_t n;
	size_t bytes;
	bool last;	       /* nothing pending is left beyond it in the range */
	double took;	       /* seconds of its fetch; set by the engine */
	unsigned char end[16]; /* keys up to here are covered by this window */
	void *backing;	       /* what the rows borrow from; released with the window */
	void (*release)(void *backing);
};

/* Bytes on the database's disk, until a vacuum has found what is dead. */
struct growth {
	double row, share; /* for each row; of its bytes */
};

struct batch_phase {
	const char *name;     /* "images" */
	const char *kind;     /* of its verdicts: "manifest", "link" */
	bool clears_verdicts; /* a row that is written loses an older verdict */
	char *pending_sql; /* SELECT of the pending keys as one uuid column named key; owned by the
			      job's maker */
	int range_rows;	   /* rows of a range */
	int batch_rows;	   /* rows of a batch at most */
	/*
	 * 0: a window is one batch.  Else a window holds so many rows, in an order of the phase's
	 * own, and is committed in batches; the checkpoint stays before it until the last of them.
	 */
	int window_rows;
	enum knob rows_knob;	 /* stands above batch_rows while it is tuned */
	int max_sweeps;		 /* planned again at most so often when rows were skipped */
	const char *session_sql; /* once per writer session, or NULL */
	void *ctx;
	/* Statements for this session are prepared here. */
	bool (*prepare)(void *ctx, struct pg *db, struct err *err);
	/* Rows with after < key <= hi (after NULL: from the first key of all), ascending unless
	 * window_rows is set, at most max_rows and about max_bytes, at least one. */
	bool (*fetch)(void *ctx, struct pg *db, const unsigned char *after, const unsigned char *hi,
		      int max_rows, size_t max_bytes, struct batch_window *w, struct err *err);
	/* Any reader thread; NULL when there is nothing to load. */
	void (*load)(void *ctx, struct batch_row *row);
	/*
	 * Inside the transaction: queues its statements with pg_pipe_* and sets each row's fate.
	 * Only rows with FATE_PENDING are to be written.  *debt is raised to 1 or 2 when a cache
	 * entry may have become stale (see ledger.sql).
	 */
	bool (*apply)(void *ctx, struct pg *db, struct batch_row **rows, size_t n, int *debt,
		      struct err *err);
	/* The verdict of a row with FATE_FINAL, FATE_EXAMINED, FATE_PARTIAL or FATE_QUARANTINED.
	 * refused: the database refused it. */
	void (*verdict)(void *ctx, const struct batch_row *row, const struct err *refused,
			struct verdict *ret);
	/* Names of the repositories that hold the row, for events; NULL-terminated, owned by the
	 * caller. */
	bool (*repositories)(void *ctx, struct pg *db, const unsigned char key[16], char ***ret,
			     struct err *err);

	/* For the forecast. */
	int64_t expected;	/* rows, until it is planned; 0: nobody has counted */
	double usual_bytes;	/* of a row, on which the guess rests; 0: rows are alike */
	struct eta_guess guess; /* of such a row */
	/* First ones, where windows tell them: one of each of these pages at most, and how many
	 * times more each costs. */
	struct eta_firsts firsts;
	struct growth growth; /* of the database, by its rows */
	/* A query of one number: how many bytes some of the pending rows from r.lo to r.hi have in
	 * the mean; NULL: not asked.  Owned like pending_sql. */
	char *sample_sql;
};

/* What comes after a job's phases: work like theirs, or seconds that pass by themselves. */
struct batch_ahead {
	const char *name; /* of a phase; NULL with seconds */
	double seconds;	  /* 0: it is work */
	double rows;
	struct eta_guess guess;
	struct eta_firsts firsts;
	double growth; /* of the database, bytes */
};

struct batch_job {
	const char *label;   /* of the procedure */
	const char *options; /* JSON that joiners must follow; compared when joining */
	struct batch_phase *phases;
	int n_phases;
	const struct batch_ahead *ahead; /* in the same run of the program */
	int n_ahead;
};

struct batch_setup {
	struct ledger ledger;
	struct pg *control; /* the coordinator's session; with a single-worker ledger also the
			       writer's */
	void *connect_arg;
	bool (*connect)(void *arg, const char *name, struct pg **ret, struct err *err);
	/* A session in order that connect may give out again, by its name; the owner closes it or
	 * keeps it until then. */
	void (*disconnect)(void *arg, struct pg *db);
	/* The control session was lost and made anew: the owner closes the old one and keeps db. */
	void (*replace_control)(void *arg, struct pg *db);
	/* Asked on the control session at the start of each phase and every half second while
	 * others work: false ends the run with its error.  May be NULL. */
	bool (*still_good)(void *arg, struct pg *db, struct err *err);
	/*
	 * Single-worker ledger, on the writer's thread and session, so that what it recorded can be
	 * kept where the next session finds it: settling before the commit of a batch with partial
	 * rows, since these no longer look pending afterwards, settled after each commit.  Both may
	 * be NULL.
	 */
	bool (*settling)(void *arg, struct pg *db, struct err *err);
	bool (*settled)(void *arg, struct pg *db, bool partial, struct err *err);
	const struct reporter *reporter;
	const char *run_id; /* of the program, for the record */
	int writers, readers;
	int nice;      /* how far readers, writers and their sessions step back: priority_lower() */
	size_t memory; /* bytes for all windows together */
	double lease;  /* seconds */
	double duty;   /* as configured; with a throttle the most that it may allow */
	const struct throttle_options *throttle; /* NULL: the duty is fixed */
	struct schedule schedule;
	struct control *steer;	   /* what operators want, joined by the owner */
	struct listener *listener; /* hears them while the control session is busy; NULL: none */
	/* A hold begins: nobody works.  May be NULL. */
	void (*on_hold)(void *arg);
	/* It lasts, and what was done until it began is durable.  May be NULL. */
	void (*on_long_hold)(void *arg);
	int64_t max_rows; /* 0 = all */
	bool dry_run;	  /* everything is done and rolled back; needs a single-worker ledger */
	bool fail_on_bad_row;
	double stall_after;	/* seconds without a commit that are worth a word */
	double retry_for;	/* seconds a lost server is waited for */
	const char *trace_file; /* gets what each batch took; NULL: none */
};

enum { BATCH_PHASES = 2 };
/* What one phase took, by this program. */
struct phase_cost {
	int64_t rows, bytes;
	double busy;   /* seconds of all writers at work on windows and batches */
	double waited; /* of these, for files to be read */
};

struct batch_result {
	int64_t total, rows, changed, partial, quarantined, examined, skipped,
		bytes;	/* by this program, except total */
	int64_t run;	/* the ledger's; 0: none was opened */
	double seconds; /* of work; what was waited is not among them */
	double held;	/* seconds waited: paused, or for a window */
	double rested;	/* of seconds: rests that the duty asked for, in the mean of the writers */
	struct phase_cost cost[BATCH_PHASES];
	bool joined;   /* somebody else had opened the run */
	bool stopped;  /* asked to stop, max_rows reached, or the schedule's end: not finished */
	char why[256]; /* of stopped, when the schedule ended it; else "" */
	bool nothing;  /* nothing was pending */
};

/*
 * Waits while the schedule's window is closed or an operator wants a pause, with the control
 * session kept, and tells so; a step's time limit does not run meanwhile.  SCHEDULE_GO; or why it
 * must not go on, with words for it; SCHEDULE_CLOSED when a stop was asked.
 */
enum schedule_state batch_hold(struct batch_setup *setup, const char *label, char *why,
			       size_t size);
/*
 * Between the two stands what lasts, on the control session, and can be asked again as a whole: a
 * pause or a stop cancels it.  True: ok is false for that reason alone and the hold is over, so ask
 * again.  False: go on with ok and err, ERR_HELD when it must end.
 */
void batch_lasts(const struct batch_setup *setup);
bool batch_again(struct batch_setup *setup, const char *label, bool ok,
		 const struct err *err) MUST_CHECK;

/* Runs the job until its phases are done by all workers together.  Errors: ERR_STOPPED never (see
 * result), others with a hint. */
bool batch_run(const struct batch_setup *setup, const struct batch_job *job,
	       struct batch_result *ret, struct err *err) MUST_CHECK;
