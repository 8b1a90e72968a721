/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/drivers/pg_paged.h"

#include "lib/core/mem.h"

#include <stdlib.h>

static const char tables_sql[] =
#include "lib/drivers/pg_paged.sql.h"
	;

bool pg_paged_known(int server_version)
{
	return server_version >= 140000;
}

/* A record's hash is made of its columns' hashes; ROW(...)::text has what their types write. */
static char *row_of(const struct pg_rows *r, size_t i)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_adds(&b, "ROW(t.ctid, t.xmin");
	if (!pg_is_null(r, i, 6))
		strbuf_addf(&b, ", %s", pg_text(r, i, 6));
	if (!pg_is_null(r, i, 7))
		strbuf_addf(&b, ", ROW(%s)::text", pg_text(r, i, 7));
	strbuf_adds(&b, ")");
	return strbuf_take(&b);
}

bool pg_paged_tables(struct pg *pg, int64_t least, struct paged_table **ret, size_t *ret_n,
		     struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *pages = xasprintf("%lld", (long long)least);

	if (!pg_query(pg, tables_sql, (const struct pg_param[]){ PG_P_TEXT(pages) }, 1, &r, err))
		return false;
	*ret_n = pg_rows_count(r);
	*ret = xcalloc(*ret_n + 1, sizeof(**ret));
	for (size_t i = 0; i < *ret_n; i++)
		(*ret)[i] = (struct paged_table){ .schema = xstrdup(pg_text(r, i, 0)),
						  .name = xstrdup(pg_text(r, i, 1)),
						  .quoted = xstrdup(pg_text(r, i, 2)),
						  .pages = pg_int(r, i, 3),
						  .columns = xstrdup(pg_text(r, i, 4)),
						  .signature = xstrdup(pg_text(r, i, 5)),
						  .row = row_of(r, i) };
	return true;
}

void pg_paged_release(struct paged_table *all, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(all[i].schema);
		free(all[i].name);
		free(all[i].quoted);
		free(all[i].columns);
		free(all[i].signature);
		free(all[i].row);
	}
	free(all);
}

static void add_range(struct strbuf *b, int64_t first, int64_t end)
{
	strbuf_addf(b, " WHERE t.ctid >= '(%lld,0)'", (long long)first);
	if (end)
		strbuf_addf(b, " AND t.ctid < '(%lld,0)'", (long long)end);
}

char *pg_paged_hash_sql(const struct paged_table *t, int64_t first, int64_t end)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_addf(&b,
		    "SELECT count(*), coalesce(bit_xor(hash_record_extended(%s, 0)), 0)"
		    " FROM ONLY %s t",
		    t->row, t->quoted);
	add_range(&b, first, end);
	return strbuf_take(&b);
}

char *pg_paged_copy_sql(const struct paged_table *t, int64_t first, int64_t end)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_addf(&b, "COPY (SELECT %s FROM ONLY %s t", t->columns, t->quoted);
	add_range(&b, first, end);
	strbuf_adds(&b, ") TO STDOUT");
	return strbuf_take(&b);
}

char *pg_paged_restore_sql(const struct paged_table *t)
{
	return xasprintf("COPY %s (%s) FROM stdin;\n", t->quoted, t->columns);
}

static void add_quoted(struct strbuf *b, const char *name)
{
	strbuf_adds(b, "\"");
	for (; *name; name++) {
		if (*name == '"')
			strbuf_adds(b, "\"");
		strbuf_add(b, name, 1);
	}
	strbuf_adds(b, "\"");
}

char *pg_paged_exclusion(const struct paged_table *t)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_adds(&b, "--exclude-table-data=");
	add_quoted(&b, t->schema);
	strbuf_adds(&b, ".");
	add_quoted(&b, t->name);
	return strbuf_take(&b);
}

bool pg_paged_begin(struct pg *pg, const char *snapshot, const char *encoding,
		    const struct paged_table *all, size_t n, bool at_once, struct err *err)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	AUTO_STRBUF struct strbuf lock = { 0 };

	strbuf_addf(&b,
		    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
		    " SET TRANSACTION SNAPSHOT '%s';"
		    " SET LOCAL idle_in_transaction_session_timeout = 0;"
		    " SET LOCAL client_encoding = '%s';"
		    " SET LOCAL search_path = '';"
		    " SET LOCAL row_security = off;"
		    " SET LOCAL intervalstyle = postgres;"
		    " SET LOCAL extra_float_digits = 3;"
		    " SET LOCAL synchronize_seqscans = off;"
		    /* Each chunk would be a scan of the whole table otherwise. */
		    " SET LOCAL enable_tidscan = on;"
		    " SET LOCAL enable_seqscan = off",
		    snapshot, encoding);
	strbuf_adds(&lock, "LOCK TABLE");
	for (size_t i = 0; i < n; i++)
		strbuf_addf(&lock, "%s ONLY %s", i ? "," : "", all[i].quoted);
	strbuf_addf(&lock, " IN ACCESS SHARE MODE%s", at_once ? " NOWAIT" : "");
	return pg_exec(pg, b.data, err) && pg_exec(pg, lock.data, err);
}
