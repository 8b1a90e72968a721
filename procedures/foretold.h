/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an estimate foretold is kept until a run shows what came.  An estimate writes nothing into
 * the database, most often before there is a ledger: it is kept in the journal of this host.  A run
 * that has done all its rows alone puts both into the ledger, where the next estimate looks.
 */
#pragma once
#include "lib/pace/estimate.h"
#include "procedures/manifest_job.h"

/* Of one job, or one of its phases, at full speed. */
struct foretold {
	const char *job;   /* label of the procedure */
	const char *phase; /* its name; "": all of the job */
	int64_t rows;
	struct quantiles seconds;
	double raw;    /* p50 without what earlier runs say */
	double busy;   /* seconds of one writer for the rows alone; 0: no sample shows it */
	int64_t bytes; /* of the rows; -1: none are read */
};
/* What cannot be kept is no error of the estimate; it is logged. */
void foretold_keep(const struct manifest_job *j, const struct foretold *f, size_t n);
/* The last one of this database for a job, or one of its phases.  at: when it was, RFC 3339 in UTC;
 * "": there is none. */
bool foretold_last(const struct manifest_job *j, const char *job, const char *phase,
		   struct foretold *ret, char at[32], struct err *err) MUST_CHECK;
/* Once a job has ended; a run that was not whole, or not alone, says nothing. */
void foretold_compare(const struct manifest_job *j, const struct batch_job *job,
		      const struct batch_result *res);

/* What earlier runs of this host say of a phase of a job: images and lists differ in how far what a
 * sample shows is from what a run takes. */
struct history {
	size_t runs;
	double mu, sigma; /* see estimate_regime(); of the whole job where the phase never ran */
	double row;  /* seconds of all workers for a row of the job, at full speed; NaN: no run */
	double busy; /* seconds of one worker for a row of the phase; NaN: it never ran */
	struct quantiles duty; /* that a throttle left; NaN: no run was throttled */
};
bool foretold_history(struct pg *db, const char *job, const char *phase, struct history *ret,
		      struct err *err) MUST_CHECK;
