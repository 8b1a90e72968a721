/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the pg*.c files share and nobody else sees.  libpq's types stay behind this header.
 */
#pragma once
#include "lib/drivers/pg.h"
#include <libpq-fe.h>

/* libpq 14 and later.  `make lint` also compiles what is left without it. */
#if defined(LIBPQ_HAS_PIPELINING) && !defined(PLMAINT_NO_PIPELINE)
#define PG_PIPELINE 1
#endif

enum { PG_PARAMS_MAX = 64 }; /* parameters of one statement; ours have under 30 */

struct pg {
	PGconn *conn;
	PGcancel *cancel;   /* made at connect: PQgetCancel itself is not thread safe */
	bool sequential;    /* no pipeline mode: queued statements run one after the other */
	struct err warning; /* the server's last since it was asked for; code ERR_NONE: none */

	bool (*heed)(void *arg); /* whether to cancel what runs; NULL: nobody is asked */
	void *heed_arg;

	/* The queue of pg_pipe_*. */
	size_t piped;
	/* Sequential only: what has run already, and the first error of the queue. */
	struct pg_rows **done;
	size_t done_cap;
	bool failed;
	struct err first;
};

/* libpq takes parameters as parallel arrays. */
struct pg_bound {
	Oid oids[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX], formats[PG_PARAMS_MAX];
};
bool pg_bind(struct pg_bound *b, const struct pg_param *params, size_t n,
	     struct err *err) MUST_CHECK;

/* Takes a connection string apart; PQconninfoFree ends it.  NULL: ERR_CONFIG, without libpq's
 * words, which repeat parts of the string, a password maybe. */
PQconninfoOption *pg_conninfo_parse(const char *conninfo, struct err *err);
/* Borrowed; NULL when the string does not say. */
const char *pg_conninfo_value(const PQconninfoOption *info, const char *keyword);

/* From a failed result, or from the connection where res is NULL.  Returns false. */
bool pg_fail(struct pg *pg, const PGresult *res, struct err *err);
/* Takes res; an error result fills err and is freed. */
bool pg_take(struct pg *pg, PGresult *res, struct pg_rows **ret, struct err *err) MUST_CHECK;

/* Ends the session: the server rolls back what it has not committed, and the caller connects anew.
 */
void pg_sever(struct pg *pg);
/* COPY is nothing that a statement of ours may be; libpq would answer so for ever. */
bool pg_is_copy(const PGresult *res);

/* What the tests use to run the way of libpq 13 on a newer one. */
void pg_set_sequential(struct pg *pg);
void pg_pipe_release(struct pg *pg); /* at close */
