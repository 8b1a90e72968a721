/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Housekeeping in bounded batches: one statement over and over, each in a transaction of its own,
 * until it finds nothing.  It works half of the time at most, so that a site with a million old
 * rows does not notice; what a kill leaves is found again by the same statement.
 */
#pragma once
#include "procedures/headway.h"

#define BATCHED_ROWS "500" /* for LIMIT in the statement */

struct batched {
	/* Changes a bounded number of rows and finds others when it is run again.  It must skip
	 * rows that are locked: nobody is to wait for housekeeping. */
	const char *sql;
	const struct pg_param *params;
	size_t n_params;
};
/* *done is added to, also when it fails.  ERR_STOPPED when a stop was asked. */
bool batched_run(struct pg *db, const struct batched *b, const struct headway *h, int64_t *done,
		 struct err *err) MUST_CHECK;
