/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far a run is and when it ends, told from what the ledger counts and from what batches took.
 * Main thread only, but for forecast_batch().
 */
#pragma once
#include "lib/core/err.h"
#include "lib/pace/eta.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FORECAST_PHASES = 4, FORECAST_TOLD = 4 };

/* What all workers of a run have done, and what is left of it. */
struct counts {
	int64_t done, total, bytes;
	bool estimated; /* of the total: a phase that is not planned yet was counted before */
	struct {
		int64_t done, rows;
		double total, left; /* units */
		double grows;	    /* by so many bytes with what is left */
	} phase[FORECAST_PHASES];
};

/* What this program's batches took since it was asked last. */
struct worked {
	int64_t rows;
	double units, firsts;
	double busy, work; /* seconds: of these units, with their part of a window's fetch; as they
			    * passed */
	double waited;	   /* of busy, for files */
	int batches;
	double slowest; /* seconds; of late, forgotten by and by */
};

/* What was committed at once.  started: when its writer began with it; before: seconds of what was
 * done for all of its window, as its part. */
struct batch {
	size_t rows, firsts, bytes;
	double started, before;
	double waited; /* for files: of what passed since it began */
};

/* First ones of a phase, as far as its windows tell; by this program, since its writers began. */
struct first_rows {
	int64_t fetched, fetched_firsts, done, done_firsts;
};

struct forecast {
	struct eta eta;
	double at; /* monotonic; 0: nothing since the last hold */
	int phase;
	int64_t done; /* rows of the phase */
	double rate, rate_weight;
	double looked; /* seconds of work that were seen */
	/* What was foretold at a tenth, a quarter, half and three quarters of the way. */
	struct {
		double share, worked; /* seconds of work until then */
		struct eta_range left;
	} told[FORECAST_TOLD];
	int n_told;
	char stalled[160]; /* what the writers wait for; "" while batches are committed */
	double moved;	   /* when a batch was committed last */
};

/* Of so many rows: one is what a row of usual_bytes is, 0 where rows are alike. */
double forecast_units(double usual_bytes, double rows, double bytes);

/* Busy seconds of so many writers in a second of such a duty, before any of it is seen. */
double forecast_pace(int writers, double duty);

/* So many rows that lie anywhere on so many pages are the first of their page. */
double forecast_firsts_of(double rows, double pages);

struct run;
struct batch_row;
struct batch_window;
/* What is thought before anything is seen. */
void forecast_open(struct run *r);
/* When the run is over, records what was foretold and what came. */
void forecast_close(struct run *r, bool over);
/* Asks the ledger. */
bool forecast_count(struct run *r, struct counts *c, struct err *err) MUST_CHECK;
/* So many rows more than were counted, all by us: for a ledger that cannot be asked now. */
void forecast_add(const struct run *r, struct counts *c, int64_t rows, int64_t bytes);
/* Writers begin with a phase. */
void forecast_begin(struct run *r, const struct counts *c);
/* How many of the rows are first ones. */
size_t forecast_firsts(struct batch_row *const *rows, size_t n);
/* A window was fetched. */
void forecast_window(struct run *r, const struct batch_window *w);
/* A batch of ours was; both from any writer's thread. */
void forecast_batch(struct run *r, const struct batch *b);
/* A hold lies between this and what follows. */
void forecast_hold(struct run *r);
/* Looks, and tells everybody. */
void forecast_tell(struct run *r, const struct counts *c);
