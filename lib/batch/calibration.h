/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was foretold and what came, in the ledger: estimates and ETAs are measured by it, and the
 * next estimate on the same host learns from it.  The oldest entries go when there are thousands.
 */
#pragma once
#include "lib/batch/ledger.h"

/* One entry.  NaN, -1 and "" are unknown. */
struct calibration {
	int64_t run;	      /* 0: before any run */
	const char *job;      /* label of the procedure */
	const char *what;     /* estimate, eta, cost, run */
	const char *phase;    /* "" or a phase's name */
	const char *stratum;  /* "" or one's name */
	const char *at;	      /* RFC 3339 in UTC; as it is read only */
	double share;	      /* eta: of the way, 0 to 1 */
	double p10, p50, p90; /* seconds of work, without what was held */
	double actual;	      /* seconds of work that it took, or that were left */
	int64_t rows, bytes;
	double seconds; /* busy ones of all writers */
	double duty; /* share of time in which it worked; cost: in which it did not wait for files
		      */
};
/* Nothing known but what it is about. */
struct calibration calibration_about(const char *job, const char *what);

/* Entries of this host and version. */
bool calibration_write(const struct ledger *l, struct pg *db, const struct calibration *c, size_t n,
		       struct err *err) MUST_CHECK;

struct calibrations { /* texts borrow from the rows, and are data */
	struct calibration *item;
	size_t n;
	struct pg_rows *rows;
};
/* Those of this host, the newest first, at most so many; none where the ledger has no such table.
 * job or what NULL: any.  Numbers that cannot be are unknown. */
bool calibration_read(struct pg *db, const char *job, const char *what, size_t most,
		      struct calibrations *ret, struct err *err) MUST_CHECK;
void calibrations_release(struct calibrations *c);
#define AUTO_CALIBRATIONS __attribute__((cleanup(calibrations_release)))
