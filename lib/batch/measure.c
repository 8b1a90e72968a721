/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/batch/measure.h"
#include "lib/core/clock.h"
#include <stdlib.h>

enum { COMMITS = 5 };

bool measure_wal(struct pg *db, double *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text", NULL,
		      0, &r, err))
		return false;
	*ret = strtod(pg_text(r, 0, 0), NULL);
	return true;
}

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

double median(double *v, size_t n)
{
	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

bool measure_commits(struct pg *db, bool flush, double *ret, struct err *err)
{
	double seconds[COMMITS];

	for (int i = 0; i < COMMITS; i++) {
		double began = clock_monotonic();
		if (!pg_exec(db,
			     flush ? "BEGIN; SET LOCAL synchronous_commit TO on"
				   : "BEGIN; SET LOCAL synchronous_commit TO off",
			     err) ||
		    !pg_exec(db, "SELECT pg_logical_emit_message(true, 'plmaint', 'probe')", err) ||
		    !pg_exec(db, "COMMIT", err))
			return false;
		seconds[i] = clock_monotonic() - began;
	}
	*ret = median(seconds, COMMITS);
	return true;
}
