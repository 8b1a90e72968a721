/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A synchronous commit with a WAL record of its own, and a look whether it did its work. */
#include "lib/batch/barrier.h"
#include "lib/core/stop.h"
#include <stdio.h>

static const double look_again = 0.05; /* seconds; the WAL writer flushes by itself every 200 ms */
enum { LOOKS = 200 };

static bool flushed(struct pg *db, const char *lsn, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn",
		      (struct pg_param[]){ PG_P_TEXT(lsn) }, 1, &r, err))
		return false;
	*ret = pg_bool(r, 0, 0);
	return true;
}

bool durable_barrier(struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char lsn[64];
	bool done = false;

	if (!pg_query(db, "SELECT pg_current_wal_insert_lsn()::text", NULL, 0, &r, err))
		return false;
	snprintf(lsn, sizeof(lsn), "%s", pg_text(r, 0, 0));
	if (!pg_exec(
		    db,
		    "SET synchronous_commit TO DEFAULT; SELECT set_config('synchronous_commit', 'on', false)"
		    " WHERE current_setting('synchronous_commit') = 'off'",
		    err) ||
	    (!pg_exec(db, "SELECT pg_logical_emit_message(true, 'plmaint', 'durable')", err) &&
	     err->code != ERR_DENIED))
		return false;
	/* Without the right to write a message, the WAL writer's next round is waited for. */
	for (int i = 0; i < LOOKS && !done; i++) {
		if (i > 0)
			(void)stop_wait(look_again);
		if (!flushed(db, lsn, &done, err))
			return false;
	}
	return done ||
	       err_set(err, ERR_TIMEOUT, "the server has not flushed its WAL up to %s", lsn) ||
	       err_hint(err,
			"Look at the disk of the server's WAL; then run the same command again.");
}
