/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The ledger of batches, kept in the database they change (ledger.sql has the tables).  It
 * coordinates and remembers; what is still to do is always asked of Pulp's own tables.  What is
 * read from it is data: range checked, never argv, a path or SQL.
 */
#pragma once
#include "lib/drivers/pg.h"

enum {
	LEDGER_FORMAT = 4, /* layout; ledger.c has the statements that lead to each */
	LEDGER_CLASSIFIER =
		1 /* raise when classification changes: "examined" marks are then void */
};

struct ledger {
	const char *schema; /* "plmaint", or "pg_temp" in single-worker mode */
	bool shared;	    /* many workers may take part; false: this session only */
	char why_single[256];
};

/*
 * Opens or creates the ledger.  owner: the role that owns Pulp's tables; the ledger is given to it,
 * so that the site's own pg_dump still works.  Where the schema may not be created, or when
 * force_single, the tables are temporary ones of this session, and why_single says which right is
 * missing. A ledger from another cluster or database (a restored or cloned one) retires its open
 * runs. Errors: ERR_UNSUPPORTED when a newer program made it.
 */
bool ledger_open(struct pg *db, const char *owner, bool force_single, struct ledger *ret,
		 struct err *err) MUST_CHECK;
/* Opens the shared ledger that is there, whoever's owner it has; a table that an older program did
 * not make is made.  ERR_NOT_FOUND when there is none. */
bool ledger_join(struct pg *db, struct ledger *ret, struct err *err) MUST_CHECK;
/* Looks only, at one table of it: a ledger of an older program may lack it.  ERR_DENIED, with the
 * GRANT that helps, where it is there and may not be read. */
bool ledger_has(struct pg *db, const char *table, bool *ret, struct err *err) MUST_CHECK;
/* Looks only: *ret_exists tells whether there is a shared ledger to read. */
bool ledger_exists(struct pg *db, bool *ret_exists, struct err *err) MUST_CHECK;
/* Looks only: whether it came with a dump or a clone of another database.  Its open runs are
 * history then, and whoever writes to it next says so in it. */
bool ledger_is_copy(struct pg *db, bool *ret, struct err *err) MUST_CHECK;
/* Drops the schema and all it remembers (`pre-migrate reset`). */
bool ledger_drop(struct pg *db, struct err *err) MUST_CHECK;

/* Statement with every "@." replaced by the ledger's schema; caller frees. */
char *ledger_sql(const struct ledger *l, const char *sql);
/* pg_query with "@." replaced. */
bool ledger_query(const struct ledger *l, struct pg *db, const char *sql,
		  const struct pg_param *params, size_t n, struct pg_rows **ret,
		  struct err *err) MUST_CHECK;
