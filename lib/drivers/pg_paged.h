/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables that are read a run of pages at a time, and the statements that do so.  VACUUM leaves rows
 * where they are, so a run of pages that nobody has written to has the rows that it had.
 */
#pragma once
#include "lib/drivers/pg.h"

/* Texts are owned. */
struct paged_table {
	char *schema, *name;
	char *quoted;	 /* both, as SQL has them */
	char *columns;	 /* names, as pg_dump has them: generated ones are not in it */
	char *signature; /* names and types */
	char *row;	 /* what is hashed of a row */
	int64_t pages;
};
/* Whether servers of that version (150018) can: TID range scans and bit_xor() are of 14. */
bool pg_paged_known(int server_version);
/*
 * Plain tables of at least so many pages, the largest first, as pg_dump would dump each: no
 * partitions, no inheritance, no row security, nothing of an extension.  The caller releases all.
 */
bool pg_paged_tables(struct pg *pg, int64_t least, struct paged_table **ret, size_t *ret_n,
		     struct err *err) MUST_CHECK;
void pg_paged_release(struct paged_table *all, size_t n);

/*
 * Statements; the caller frees each.  Of pages first to before end, or to the table's end where end
 * is 0.  The first asks how many rows there are and for a hash of where they are, who wrote them
 * and what they are.  The first two of these would take a third of the time, and say which version
 * of a row it is, as long as the server has one past.  One that was put back to an earlier state
 * (recovery to a point in time, a machine's snapshot, a copied directory) uses the same numbers of
 * transactions for other rows, and of the last two nothing that it can be asked tells.
 */
char *pg_paged_hash_sql(const struct paged_table *t, int64_t first, int64_t end);
char *pg_paged_copy_sql(const struct paged_table *t, int64_t first, int64_t end);
/* "COPY s.t (a, b) FROM stdin;\n", as in an archive of pg_dump. */
char *pg_paged_restore_sql(const struct paged_table *t);
/* "--exclude-table-data=..." for pg_dump. */
char *pg_paged_exclusion(const struct paged_table *t);
/*
 * Begins a transaction of an exported snapshot in which these tables are read, with pg_dump's
 * settings for what values look like, and locks them as pg_dump does.  at_once: ERR_RETRY instead
 * of a wait.
 */
bool pg_paged_begin(struct pg *pg, const char *snapshot, const char *encoding,
		    const struct paged_table *all, size_t n, bool at_once,
		    struct err *err) MUST_CHECK;
