/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PostgreSQL over libpq, the only place that sees it.  Parameters are binary wherever that is
 * cheaper (arrays for unnest), results are text unless asked.  Not thread safe: one session
 * belongs to one thread.  PG* environment variables are not read (a stray PGHOST must not pick
 * the server); a service file is.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stddef.h>
#include <stdint.h>

struct pg;
struct pg_rows;

/*
 * Forgets the PG* environment, but for PGSERVICEFILE and PGSYSCONFDIR (where the service file is).
 * Call once in main(), before any thread: changing the environment is not thread safe.
 */
void pg_ignore_environment(void);

struct pg_options {
	const char *conninfo;
	const char *application_name;
	bool read_only;
	int statement_timeout_ms, lock_timeout_ms; /* 0 = none */
	int connect_timeout_s;			   /* 0 = 10 */
};

/* Errors: ERR_CONNECT (no server, wrong database, wrong password: each with its own hint). */
bool pg_connect(const struct pg_options *o, struct pg **ret, struct err *err) MUST_CHECK;
void pg_close(struct pg *pg); /* NULL is fine */
/*
 * Where the server of a connection string is, the first of several: a host name or address, or the
 * path of its socket, which begins with a slash.  Caller frees both.  ERR_CONFIG.
 */
bool pg_where(const char *conninfo, char **ret_host, char **ret_port, struct err *err) MUST_CHECK;
bool pg_alive(const struct pg *pg);
/*
 * Whether it may lie idle until somebody needs one: alive, between two transactions, and what it
 * wrote has been counted by the server's statistics, which before PostgreSQL 15 only its end
 * ensures.  Asks the server.
 */
bool pg_at_rest(struct pg *pg);
/* As it was when it was opened: no prepared statement, setting or lock of before is left. */
bool pg_renew(struct pg *pg, struct err *err) MUST_CHECK;
const char *pg_name(const struct pg *pg); /* its application_name */
int pg_backend_pid(const struct pg *pg);
int pg_server_version(const struct pg *pg); /* 150018 */
int pg_socket(const struct pg *pg);
/*
 * The server's process of this session steps back behind others of this host, as priority_lower()
 * has it; far 0: it is again as the server is.  False, and nothing changes: it is on another host
 * or in another pid namespace, or what is lowered could not be raised again.  Any thread, while the
 * session is open.
 */
bool pg_step_back(const struct pg *pg, int far);
/* From another thread or a signal path: asks the server to cancel what pg runs.  Never blocks for
 * long. */
void pg_cancel(const struct pg *pg);
/*
 * While a statement of pg_query, pg_exec, pg_prepare or pg_execute lasts, fn is asked some forty
 * times a second, by the thread that waits; at a yes the statement is cancelled, and fails with
 * ERR_HELD unless it was done by then.  What begins or ends a transaction is not.  NULL: as before.
 */
void pg_heed(struct pg *pg, bool (*fn)(void *arg), void *arg);
/* Whether the server has warned since this was last asked, and what it said last: a statement that
 * it could not do is not always an error (VACUUM of a locked table). */
bool pg_warned(struct pg *pg, struct err *ret);

enum pg_oid {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_OID = 26,
	PG_XID = 28,
	PG_UUID = 2950,
	PG_JSONB = 3802,
	PG_FLOAT8 = 701,
	PG_TIMESTAMPTZ = 1184,
	PG_BOOL_ARRAY = 1000,
	PG_INT4_ARRAY = 1007,
	PG_TEXT_ARRAY = 1009,
	PG_XID_ARRAY = 1011,
	PG_INT8_ARRAY = 1016,
	PG_UUID_ARRAY = 2951,
	PG_JSONB_ARRAY = 3807
};
struct pg_param {
	uint32_t oid;	   /* 0: the server infers */
	const void *value; /* NULL is SQL NULL; text is NUL-terminated when len < 0 */
	int len;	   /* -1: text format; else binary of that many bytes */
};
#define PG_P_TEXT(s)       \
	{                  \
		0, (s), -1 \
	}
#define PG_P_BIN(o, p, n)          \
	{                          \
		(o), (p), (int)(n) \
	}

/*
 * One statement.  ret may be NULL when no rows are wanted.  Errors carry SQLSTATE in err->native
 * and the class in err->code: ERR_RETRY (40001 40P01 55P03 57P01-3 57014), ERR_CONNECT (lost
 * connection, 08xxx), ERR_DATA (class 22 and 23 without 23503), ERR_DENIED (42501), ERR_IO (53100,
 * 58030), else ERR_DB.
 */
bool pg_query(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
	      struct pg_rows **ret, struct err *err) MUST_CHECK;
/* The same with text parameters, NULL-terminated list is not needed: n counts. Convenience for
 * short statements. */
bool pg_exec(struct pg *pg, const char *sql,
	     struct err *err) MUST_CHECK; /* may hold several statements */

/*
 * COPY ... TO STDOUT: fn gets what comes, line by line, and any amount may come.  False from it, or
 * a wish to stop (ERR_STOPPED), ends the session.
 */
bool pg_copy_out(struct pg *pg, const char *sql,
		 bool (*fn)(void *arg, const char *line, size_t len, struct err *err), void *arg,
		 struct err *err) MUST_CHECK;

/* Prepared statements: name is per session; binary results when bin is set. */
bool pg_prepare(struct pg *pg, const char *name, const char *sql, const uint32_t *oids, size_t n,
		struct err *err) MUST_CHECK;
bool pg_execute(struct pg *pg, const char *name, const struct pg_param *params, size_t n, bool bin,
		struct pg_rows **ret, struct err *err) MUST_CHECK;

/*
 * Several prepared or plain statements in one round trip: libpq's pipeline mode where libpq has it
 * (14 and later), one after the other otherwise.  After pg_pipe_flush every queued statement has
 * one result, in order; the first error fails the call and the rest of the queue is void: rets is
 * then all NULL, and a transaction that was open is the caller's to roll back.  rets may be NULL
 * when no rows are wanted.  When a statement cannot be queued the session is ended (pg_alive).
 * Queue the BEGIN and the COMMIT too: without them libpq 13 commits each statement by itself,
 * later ones the queue as a whole.
 */
bool pg_pipe_query(struct pg *pg, const char *sql, const struct pg_param *params, size_t n,
		   struct err *err) MUST_CHECK;
bool pg_pipe_execute(struct pg *pg, const char *name, const struct pg_param *params, size_t n,
		     bool bin, struct err *err) MUST_CHECK;
bool pg_pipe_flush(struct pg *pg, struct pg_rows **rets, size_t n, struct err *err)
	MUST_CHECK; /* n = statements queued; each rets[i] owned by caller */

size_t pg_rows_count(const struct pg_rows *r);
long pg_rows_affected(const struct pg_rows *r); /* of INSERT, UPDATE, DELETE */
bool pg_is_null(const struct pg_rows *r, size_t row, int col);
/* Borrowed until pg_rows_free; "" when NULL. */
const char *pg_text(const struct pg_rows *r, size_t row, int col);
size_t pg_len(const struct pg_rows *r, size_t row, int col);
int64_t pg_int(const struct pg_rows *r, size_t row, int col); /* text or binary int2/4/8/oid */
bool pg_bool(const struct pg_rows *r, size_t row, int col);
void pg_rows_free(struct pg_rows *r);
void pg_rows_auto(struct pg_rows **r);
#define AUTO_ROWS __attribute__((cleanup(pg_rows_auto)))

/* Binary one-dimensional arrays for `unnest($1::uuid[], ...)`. */
struct pg_array {
	struct strbuf buf;
	uint32_t elem;
	int32_t n;
	bool has_null;
};
void pg_array_init(struct pg_array *a, enum pg_oid elem);
void pg_array_clear(struct pg_array *a); /* keeps memory and element type */
void pg_array_null(struct pg_array *a);
void pg_array_bytes(struct pg_array *a, const void *p, size_t n); /* uuid (16 bytes), text, raw */
void pg_array_jsonb(struct pg_array *a, const char *json, size_t n); /* adds the version byte */
void pg_array_int4(struct pg_array *a, int32_t v);
void pg_array_int8(struct pg_array *a, int64_t v);
void pg_array_bool(struct pg_array *a, bool v);
struct pg_param pg_array_param(struct pg_array *a,
			       uint32_t array_oid); /* borrowed until the array changes */
void pg_array_release(struct pg_array *a);

bool pg_listen(struct pg *pg, const char *channel, struct err *err) MUST_CHECK;
/* Reads what has arrived without blocking; calls fn for each notification. */
bool pg_notifications(struct pg *pg,
		      void (*fn)(void *arg, const char *channel, const char *payload), void *arg,
		      struct err *err) MUST_CHECK;
bool uuid_parse(const char *text, unsigned char out[16]);
void uuid_format(const unsigned char in[16], char out[37]);
