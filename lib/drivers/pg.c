/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statements, and what the server's refusals mean.  Errors are told by SQLSTATE alone: the text
 * comes in the server's language.
 */
#include "lib/core/clock.h"
#include "lib/drivers/pg_internal.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const double heed_every = 0.025; /* seconds */

static bool in_list(const char *state, const char *list)
{
	return strlen(state) == 5 && strstr(list, state) != NULL;
}

static enum err_code code_of(const char *state)
{
	if (in_list(state, "40001 40P01 55P03 57P01 57P02 57P03 57014"))
		return ERR_RETRY;
	if (in_list(state, "53100 58030"))
		return ERR_IO;
	if (in_list(state, "42501"))
		return ERR_DENIED;
	if (strncmp(state, "08", 2) == 0)
		return ERR_CONNECT;
	if (strncmp(state, "22", 2) == 0 ||
	    (strncmp(state, "23", 2) == 0 && strcmp(state, "23503") != 0))
		return ERR_DATA;
	return ERR_DB;
}

/* Messages may have several lines; an error is one. */
static void one_line(char *s)
{
	for (; *s; s++)
		if (*s == '\n' || *s == '\r' || *s == '\t')
			*s = ' ';
}

/* The connection went without a word of the server: killed, out of memory, network. */
static bool fail_lost(struct pg *pg, struct err *err)
{
	char text[256];
	const char *message = PQerrorMessage(pg->conn);
	snprintf(text, sizeof text, "%.*s", (int)strcspn(message, "\n"), message);
	one_line(text);
	err_set(err, ERR_CONNECT, "the connection to PostgreSQL is lost: %s", text);
	snprintf(err->native, sizeof err->native, "08006");
	return err_hint(err, "Look into the server's log for why it ended the connection.");
}

bool pg_fail(struct pg *pg, const PGresult *res, struct err *err)
{
	const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
	if (!state) {
		if (PQstatus(pg->conn) != CONNECTION_OK)
			return fail_lost(pg, err);
		const char *message = res ? PQresultErrorMessage(res) : PQerrorMessage(pg->conn);
		char text[400];
		snprintf(text, sizeof text, "%.*s", (int)strcspn(message, "\n"), message);
		return err_set(err, ERR_DB, "%s", text[0] ? text : "libpq gives no reason");
	}
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
	err_set(err, code_of(state), "%s%s%s", primary ? primary : "no message", detail ? ": " : "",
		detail ? detail : "");
	one_line(err->text);
	if (hint)
		err_hint(err, "%s", hint);
	else if (strcmp(state, "53100") == 0)
		err_hint(err, "Make room on the disk of the database server, then run again.");
	else if (strcmp(state, "25006") == 0)
		err_hint(err,
			 "Connect to the primary server: this session or server is read only.");
	one_line(err->hint);
	snprintf(err->native, sizeof err->native, "%s", state);
	return false;
}

void pg_sever(struct pg *pg)
{
	if (PQsocket(pg->conn) >= 0)
		shutdown(PQsocket(pg->conn), SHUT_RDWR);
	(void)PQconsumeInput(pg->conn);
}

bool pg_is_copy(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);
	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

bool pg_take(struct pg *pg, PGresult *res, struct pg_rows **ret, struct err *err)
{
	switch (PQresultStatus(res)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		if (ret)
			*ret = (struct pg_rows *)res;
		else
			PQclear(res);
		return true;
	default:
		pg_fail(pg, res, err);
		PQclear(res);
		return false;
	}
}

bool pg_bind(struct pg_bound *b, const struct pg_param *params, size_t n, struct err *err)
{
	if (n > PG_PARAMS_MAX)
		return err_set(err, ERR_BUG, "a statement with %zu parameters", n);
	for (size_t i = 0; i < n; i++) {
		b->oids[i] = params[i].oid;
		b->values[i] = params[i].value;
		b->lengths[i] = params[i].len < 0 ? 0 : params[i].len;
		b->formats[i] = params[i].len >= 0;
	}
	return true;
}

void pg_heed(struct pg *pg, bool (*fn)(void *arg), void *arg)
{
	pg->heed = fn;
	pg->heed_arg = arg;
}

/* Until libpq need not wait for the next result.  *cancelled: whether the server was asked to end
 * it. */
static void wait_heeding(struct pg *pg, bool *cancelled)
{
	double next = clock_monotonic() + heed_every;

	while (PQstatus(pg->conn) == CONNECTION_OK && PQisBusy(pg->conn)) {
		struct pollfd p = { .fd = PQsocket(pg->conn), .events = POLLIN };
		double left = next - clock_monotonic();
		if (PQflush(pg->conn) > 0)
			p.events |= POLLOUT;
		if (left > 0 && poll(&p, 1, (int)(left * 1000) + 1) > 0 &&
		    !PQconsumeInput(pg->conn))
			return;
		if (clock_monotonic() < next)
			continue;
		bool yes = pg->heed(pg->heed_arg);
		if (yes)
			pg_cancel(pg);
		*cancelled |= yes;
		/* A request is a connection of its own. */
		next = clock_monotonic() + (yes ? 4 : 1) * heed_every;
	}
}

/* The server says the same of a statement that took longer than it may. */
static bool tell_held(bool cancelled, struct err *err)
{
	if (cancelled && strcmp(err->native, "57014") == 0)
		(void)err_set(err, ERR_HELD, "cancelled, since a pause or a stop was asked for");
	return false;
}

/*
 * Waits for the answer to what was sent.  Not PQexec: that keeps the last of several errors, and
 * after "terminating connection due to administrator command" comes one that only says that the
 * connection is gone.
 */
static bool finish_heeding(struct pg *pg, int sent, bool heeds, struct pg_rows **ret,
			   struct err *err)
{
	if (!sent)
		return pg_fail(pg, NULL, err);
	PGresult *kept = NULL;
	bool cancelled = false;
	for (;;) {
		if (heeds)
			wait_heeding(pg, &cancelled);
		PGresult *res = PQgetResult(pg->conn);
		if (!res)
			break;
		if (pg_is_copy(res))
			pg_sever(pg);
		if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
			PQclear(res);
		} else {
			PQclear(kept);
			kept = res;
		}
	}
	return pg_take(pg, kept, ret, err) || tell_held(cancelled, err);
}

static bool finish(struct pg *pg, int sent, struct pg_rows **ret, struct err *err)
{
	return finish_heeding(pg, sent, pg->heed, ret, err);
}

/* Done soon; cut off, it would leave the session in a transaction. */
static bool is_bracket(const char *sql)
{
	return strncmp(sql, "BEGIN", 5) == 0 || strncmp(sql, "COMMIT", 6) == 0 ||
	       strncmp(sql, "ROLLBACK", 8) == 0;
}

bool pg_query(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
	      struct pg_rows **ret, struct err *err)
{
	struct pg_bound b;
	if (!pg_bind(&b, params, n, err))
		return false;
	int sent =
		PQsendQueryParams(pg->conn, sql, (int)n, b.oids, b.values, b.lengths, b.formats, 0);
	return finish(pg, sent, ret, err);
}

bool pg_exec(struct pg *pg, const char *sql, struct err *err)
{
	int sent = PQsendQuery(pg->conn, sql);
	return finish_heeding(pg, sent, pg->heed && !is_bracket(sql), NULL, err);
}

bool pg_prepare(struct pg *pg, const char *name, const char *sql, const uint32_t *oids, size_t n,
		struct err *err)
{
	return finish(pg, PQsendPrepare(pg->conn, name, sql, (int)n, oids), NULL, err);
}

bool pg_execute(struct pg *pg, const char *name, const struct pg_param *params, size_t n, bool bin,
		struct pg_rows **ret, struct err *err)
{
	struct pg_bound b;
	if (!pg_bind(&b, params, n, err))
		return false;
	int sent = PQsendQueryPrepared(pg->conn, name, (int)n, b.values, b.lengths, b.formats, bin);
	return finish(pg, sent, ret, err);
}

bool pg_listen(struct pg *pg, const char *channel, struct err *err)
{
	char *name = PQescapeIdentifier(pg->conn, channel, strlen(channel));
	if (!name)
		return pg_fail(pg, NULL, err);
	AUTO_STRBUF struct strbuf sql = { 0 };
	strbuf_addf(&sql, "LISTEN %s", name);
	PQfreemem(name);
	return pg_exec(pg, sql.data, err);
}

bool pg_notifications(struct pg *pg,
		      void (*fn)(void *arg, const char *channel, const char *payload), void *arg,
		      struct err *err)
{
	bool read = PQconsumeInput(pg->conn) == 1;
	/* What came before the connection broke is still told. */
	for (PGnotify *note; (note = PQnotifies(pg->conn)) != NULL; PQfreemem(note))
		fn(arg, note->relname, note->extra);
	return read && PQstatus(pg->conn) == CONNECTION_OK ? true : pg_fail(pg, NULL, err);
}
