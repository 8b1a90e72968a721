/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows as they come: a result that libpq holds as a whole may not fit into memory. */
#include "lib/core/stop.h"
#include "lib/drivers/pg_internal.h"

static bool lines(struct pg *pg,
		  bool (*fn)(void *arg, const char *line, size_t len, struct err *err), void *arg,
		  struct err *err)
{
	char *line;
	int len;

	while ((len = PQgetCopyData(pg->conn, &line, 0)) > 0) {
		bool ok = fn(arg, line, (size_t)len, err);

		PQfreemem(line);
		if (ok && stop_requested())
			ok = err_set(err, ERR_STOPPED, "stopped while a list was read");
		if (!ok) {
			pg_sever(pg);
			return false;
		}
	}
	return len == -1 || pg_fail(pg, NULL, err);
}

bool pg_copy_out(struct pg *pg, const char *sql,
		 bool (*fn)(void *arg, const char *line, size_t len, struct err *err), void *arg,
		 struct err *err)
{
	PGresult *res = PQexec(pg->conn, sql);

	if (PQresultStatus(res) != PGRES_COPY_OUT) {
		(void)pg_fail(pg, res, err);
		PQclear(res);
		return false;
	}
	PQclear(res);
	if (!lines(pg, fn, arg, err))
		return false;
	res = PQgetResult(pg->conn);
	bool ok = PQresultStatus(res) == PGRES_COMMAND_OK || pg_fail(pg, res, err);
	PQclear(res);
	while ((res = PQgetResult(pg->conn)) != NULL)
		PQclear(res);
	return ok;
}
