/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An index that was made with other rules for sorting does not find what is there, so a unique key
 * lets the same text in twice: an artifact or a name that Pulp then finds once or the other time,
 * and a REINDEX fails.  Tables are read without their indexes, since these are what is in doubt.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/pulp/look.h"
#include <string.h>

/* Keys with text in them: numbers and uuids sort the same everywhere.  $1 is the size in bytes of
 * the largest table that is read; the others come without their columns. */
static const char keys_sql[] =
	"SELECT t.oid::regclass::text, CASE WHEN pg_catalog.pg_relation_size(t.oid) <= $1::int8 THEN"
	" string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) END,"
	" string_agg(quote_ident(a.attname) || ' IS NOT NULL', ' AND ' ORDER BY a.attnum)"
	" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey[:i.indnkeyatts - 1])"
	" WHERE i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL"
	" AND t.relkind = 'r' AND (t.relname LIKE 'core\\_%' OR t.relname LIKE 'container\\_%')"
	" GROUP BY i.indexrelid, t.oid HAVING bool_or(a.attcollation <> 0) ORDER BY 1, 2";
static const char largest[] = "4194304", any[] = "9223372036854775807"; /* bytes */
enum { MOST_EXAMPLES = 3 };						/* of a key */

/* Counts what is there more than once. */
static bool look_at_key(const struct probe *p, const char *table, const char *columns,
			const char *filled, int64_t *found, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT left(concat_ws(' ', %s), 200), count(*) OVER () FROM %s WHERE %s GROUP BY %s"
		" HAVING count(*) > 1 ORDER BY 1 LIMIT %d",
		columns, table, filled, columns, MOST_EXAMPLES);

	if (!look_query(p, sql, &r, err))
		return false;
	if (pg_rows_count(r) > 0)
		*found += pg_int(r, 0, 1);
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s in %s", pg_text(r, i, 0), table);
	return true;
}

static bool look_at_keys(const struct probe *p, const struct pg_rows *keys, int64_t *found,
			 struct strbuf *large, struct outcome *out, struct err *err)
{
	for (size_t i = 0; i < pg_rows_count(keys); i++) {
		const char *table = pg_text(keys, i, 0);

		if (pg_is_null(keys, i, 1)) {
			/* In order of tables: a second key of one comes next to the first. */
			if (i == 0 || strcmp(pg_text(keys, i - 1, 0), table) != 0)
				strbuf_addf(large, "%s%s", large->len ? ", " : "", table);
		} else if (!look_at_key(p, table, pg_text(keys, i, 1), pg_text(keys, i, 2), found,
					out, err)) {
			return false;
		}
	}
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	AUTO_ROWS struct pg_rows *keys = NULL;
	AUTO_STRBUF struct strbuf large = { 0 };
	struct err ignored;
	int64_t found = 0;

	if (!pg_query(p->db, keys_sql, (struct pg_param[]){ PG_P_TEXT(o->full ? any : largest) }, 1,
		      &keys, err) ||
	    !pg_exec(
		    p->db,
		    "BEGIN; SET LOCAL enable_indexscan TO off; SET LOCAL enable_indexonlyscan TO off;"
		    " SET LOCAL enable_bitmapscan TO off",
		    err))
		return false;
	bool ok = look_at_keys(p, keys, &found, &large, out, err);
	(void)!pg_exec(p->db, "ROLLBACK", &ignored);
	if (!ok)
		return false;
	const char *rest = large.len ? "; of the large tables only --full reads " : "";
	outcome_count(out, "found", found);
	if (found == 0) {
		outcome_set(out, RESULT_OK, "no unique key of Pulp is there twice%s%s", rest,
			    large.len ? large.data : "");
		return true;
	}
	outcome_set(out, RESULT_FINDING, "%lld unique key(s) (is|are) there more than once%s%s",
		    (long long)found, rest, large.len ? large.data : "");
	outcome_hint(out, "Decide with Pulp stopped which row stays, then REINDEX DATABASE: until "
			  "then the index finds one or the other.");
	return true;
}

const struct check check_pulp_rows_unique = {
	.label = "pulp-rows-unique",
	.summary = "no two rows of Pulp have the same unique key",
	.source = "pg_index, and the tables with unique keys of text",
	.explain =
		"After an upgrade of the operating system text may sort by other rules than an index was made with (pulp-collation), "
		"and the index lets duplicates in. Unique keys with text are looked at without it, in tables of up to 4 MB; with "
		"--full in all.",
	.cost = "tables of up to 4 MB, with --full all",
	.tags = (const char *const[]){ "database", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
