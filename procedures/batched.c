/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop around one statement of housekeeping. */
#include "procedures/batched.h"

#include "lib/core/clock.h"
#include "lib/core/stop.h"

enum { TRIES = 5 };
static const double retry_seconds = 0.2;

/* A deadlock or a conflict is over when it is tried again. */
static bool one_batch(struct pg *db, const struct batched *b, long *rows, struct err *err)
{
	for (int try = 1;; try++) {
		AUTO_ROWS struct pg_rows *r = NULL;

		if (pg_query(db, b->sql, b->params, b->n_params, &r, err)) {
			*rows = pg_rows_affected(r);
			return true;
		}
		if (err->code != ERR_RETRY || try == TRIES || !stop_wait(retry_seconds * try))
			return false;
	}
}

bool batched_run(struct pg *db, const struct batched *b, const struct headway *h, int64_t *done,
		 struct err *err)
{
	long rows = 0;

	do {
		double begin = clock_monotonic();

		if (!one_batch(db, b, &rows, err))
			return err_wrap(err, "after %lld rows", (long long)*done);
		*done += rows;
		if (rows > 0)
			headway_tell(h, *done);
		if (rows > 0 && !stop_wait(clock_monotonic() - begin))
			return err_set(err, ERR_STOPPED, "stopped after %lld row(s)",
				       (long long)*done);
	} while (rows > 0);
	return true;
}
