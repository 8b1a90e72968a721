/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an estimate foretold is kept until a run shows what came.  An estimate writes nothing into
 * the database, most often before there is a ledger: it is kept in the journal of this host.  A run
 * that has done all its rows alone puts both into the ledger, where the next estimate looks.
 */
#pragma once
#include "lib/pace/estimate.h"
#include "procedures/manifest_job.h"

/* Of one job at full speed. */
struct foretold {
	const char *job; /* label of the procedure */
	int64_t rows;
	struct quantiles seconds;
	double raw; /* p50 without what earlier runs say */
};
/* What cannot be kept is no error of the estimate; it is logged. */
void foretold_keep(const struct manifest_job *j, const struct foretold *f, size_t n);
/* Once a job has ended; a run that was not whole, or not alone, says nothing. */
void foretold_compare(const struct manifest_job *j, const struct batch_job *job,
		      const struct batch_result *res);

/* What earlier runs of this host say of a job. */
struct history {
	size_t runs;
	double mu, sigma;      /* see estimate_regime() */
	double row;	       /* seconds of a row at full speed; NaN: no run */
	struct quantiles duty; /* that a throttle left; NaN: no run was throttled */
};
bool foretold_history(struct pg *db, const char *job, struct history *ret,
		      struct err *err) MUST_CHECK;
