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
	double units, busy; /* seconds */
	int batches;
	double slowest; /* seconds; of late, forgotten by and by */
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

struct run;
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
/* One batch of ours, from any writer's thread; started: when the writer began with it. */
void forecast_batch(struct run *r, size_t rows, size_t bytes, double started);
/* A hold lies between this and what follows. */
void forecast_hold(struct run *r);
/* Looks, and tells everybody. */
void forecast_tell(struct run *r, const struct counts *c);
