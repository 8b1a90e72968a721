/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several statements in one round trip.  A server that waits for us to read its answers does not
 * read our parameters.  The manual ("Pipeline Mode") therefore advises a non-blocking connection;
 * but libpq's blocking send does read while it cannot write (pqSendSome in fe-misc.c), and it does
 * not move what is unsent to the front of its buffer each time: 2 MB of parameters take 3.5 ms and
 * not 7.4.  The tests send far more than sockets hold in both directions, plain and over TLS.
 */
#include "lib/core/mem.h"
#include "lib/drivers/pg_internal.h"
#include <stdlib.h>
#include <string.h>

void pg_set_sequential(struct pg *pg)
{
	pg->sequential = true;
}

static void drop_done(struct pg *pg)
{
	for (size_t i = 0; i < pg->piped; i++)
		pg_rows_free(pg->done[i]);
}

void pg_pipe_release(struct pg *pg)
{
	if (pg->sequential)
		drop_done(pg);
	free(pg->done);
}

/* Where the result of the next statement goes; grows the list. */
static struct pg_rows **next_done(struct pg *pg)
{
	if (pg->piped == pg->done_cap) {
		pg->done_cap = pg->done_cap ? 2 * pg->done_cap : 16;
		pg->done = xrealloc(pg->done, pg->done_cap * sizeof *pg->done);
	}
	pg->done[pg->piped] = NULL;
	return &pg->done[pg->piped++];
}

static bool queue_sequential(struct pg *pg, const char *sql, const char *name,
			     const struct pg_param *params, size_t n, bool bin)
{
	struct pg_rows **slot = next_done(pg);
	if (!pg->failed)
		pg->failed = name ? !pg_execute(pg, name, params, n, bin, slot, &pg->first)
				  : !pg_query(pg, sql, params, n, slot, &pg->first);
	return true;
}

static bool flush_sequential(struct pg *pg, struct pg_rows **rets, struct err *err)
{
	bool ok = !pg->failed;
	if (ok && rets)
		memcpy(rets, pg->done, pg->piped * sizeof *rets);
	else
		drop_done(pg);
	if (!ok)
		*err = pg->first;
	pg->piped = 0;
	pg->failed = false;
	return ok;
}

#ifdef PG_PIPELINE
/*
 * Reads to the end of one statement's results; its one result is kept.  Goes on over a connection
 * that has broken meanwhile: what the server said last may be in the buffer already.
 */
static PGresult *statement_result(struct pg *pg)
{
	PGresult *kept = PQgetResult(pg->conn);
	PGresult *more = kept ? PQgetResult(pg->conn) : NULL;
	while (more) {
		if (pg_is_copy(more))
			pg_sever(pg);
		PQclear(more);
		more = PQstatus(pg->conn) == CONNECTION_OK ? PQgetResult(pg->conn) : NULL;
	}
	return kept;
}

/* A statement could not be queued; what is queued before it must not take place either. */
static bool abandon(struct pg *pg, struct err *err)
{
	pg_fail(pg, NULL, err);
	pg_sever(pg);
	pg->piped = 0;
	return false;
}

static bool queue_pipeline(struct pg *pg, const char *sql, const char *name,
			   const struct pg_bound *b, size_t n, bool bin, struct err *err)
{
	if (pg->piped == 0 && !PQenterPipelineMode(pg->conn))
		return abandon(pg, err);
	int count = (int)n;
	int sent = name ? PQsendQueryPrepared(pg->conn, name, count, b->values, b->lengths,
					      b->formats, bin)
			: PQsendQueryParams(pg->conn, sql, count, b->oids, b->values, b->lengths,
					    b->formats, bin);
	if (!sent)
		return abandon(pg, err);
	pg->piped++;
	return true;
}

static bool flush_pipeline(struct pg *pg, struct pg_rows **rets, struct err *err)
{
	size_t n = pg->piped, got = 0;
	bool ok = PQpipelineSync(pg->conn) == 1;
	if (!ok)
		return abandon(pg, err);
	for (size_t i = 0; i < n && (ok || PQstatus(pg->conn) == CONNECTION_OK); i++) {
		PGresult *res = statement_result(pg);
		if (ok) {
			ok = pg_take(pg, res, rets ? &rets[i] : NULL, err);
			got += ok;
		} else {
			PQclear(res); /* only says that the pipeline is aborted */
		}
	}
	PGresult *sync = PQstatus(pg->conn) == CONNECTION_OK ? PQgetResult(pg->conn) : NULL;
	bool synced = PQresultStatus(sync) == PGRES_PIPELINE_SYNC;
	PQclear(sync);
	if (!synced || !PQexitPipelineMode(pg->conn)) {
		/* Every statement may have answered well, but without the sync nothing is
		 * committed. */
		if (ok)
			ok = pg_fail(pg, NULL, err);
		pg_sever(pg);
	}
	for (size_t i = 0; !ok && rets && i < got; i++)
		pg_rows_auto(&rets[i]);
	pg->piped = 0;
	return ok;
}
#endif

static bool queue(struct pg *pg, const char *sql, const char *name, const struct pg_param *params,
		  size_t n, bool bin, struct err *err)
{
#ifdef PG_PIPELINE
	if (!pg->sequential) {
		struct pg_bound b;
		if (pg_bind(&b, params, n, err))
			return queue_pipeline(pg, sql, name, &b, n, bin, err);
		pg_sever(pg);
		pg->piped = 0;
		return false;
	}
#endif
	(void)err;
	return queue_sequential(pg, sql, name, params, n, bin);
}

bool pg_pipe_query(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
		   struct err *err)
{
	return queue(pg, sql, NULL, params, n, false, err);
}

bool pg_pipe_execute(struct pg *pg, const char *name, const struct pg_param *params, size_t n,
		     bool bin, struct err *err)
{
	return queue(pg, NULL, name, params, n, bin, err);
}

bool pg_pipe_flush(struct pg *pg, struct pg_rows **rets, size_t n, struct err *err)
{
	for (size_t i = 0; rets && i < n; i++)
		rets[i] = NULL;
	if (n != pg->piped)
		return err_set(err, ERR_BUG, "%zu statements are queued and %zu expected",
			       pg->piped, n);
	if (n == 0)
		return true;
#ifdef PG_PIPELINE
	if (!pg->sequential)
		return flush_pipeline(pg, rets, err);
#endif
	return flush_sequential(pg, rets, err);
}
