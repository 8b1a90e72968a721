/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An index whose pages were damaged, or that was made with other rules for sorting, does not find
 * rows that are there.  PostgreSQL's own extension amcheck tells; foreman-maintain asks it before
 * each backup.  Its function takes the lock of a reader.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pulp/columns.h"
#include "lib/pulp/look.h"

#include <stdio.h>
#include <string.h>

/* Its schema, and whether we may call it. */
static const char amcheck_sql[] =
	"SELECT quote_ident(n.nspname), pg_catalog.has_function_privilege(f.oid, 'EXECUTE')"
	" AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')"
	" FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
	" JOIN pg_catalog.pg_proc f ON f.pronamespace = n.oid AND f.proname = 'bt_index_check' AND f.pronargs = 2"
	" WHERE e.extname = 'amcheck'";
/* $1 is the size in bytes of the largest table whose keys are read, or NULL: all indexes. */
static const char indexes_sql[] =
	"SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text, i.indisunique,"
	" pg_catalog.pg_relation_size(i.indexrelid),"
	" $1::int8 IS NULL OR i.indisunique AND pg_catalog.pg_relation_size(t.oid) <= $1::int8"
	" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid"
	" JOIN pg_catalog.pg_am m ON m.oid = c.relam AND m.amname = 'btree'"
	" JOIN pg_catalog.pg_class t ON t.oid = i.indrelid AND t.relkind = 'r'"
	" WHERE i.indisvalid AND i.indisready AND t.relpersistence = 'p'"
	" AND (t.relname LIKE 'core\\_%' OR t.relname LIKE 'container\\_%') ORDER BY 1";
static const char largest[] = "4194304"; /* bytes */

struct tally {
	double began;
	int64_t looked, bad, bytes, left;
};

static bool find_amcheck(const struct probe *p, char **ret_schema, struct outcome *out,
			 struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const struct pulp_columns *c;

	if (!pulp_columns_known(p, &c, err) || !pg_query(p->db, amcheck_sql, NULL, 0, &r, err))
		return false;
	if (pg_rows_count(r) == 0) {
		outcome_set(out, RESULT_SKIPPED, "the extension amcheck is not in this database");
		outcome_hint(out,
			     "As a superuser: CREATE EXTENSION amcheck, of the package "
			     "postgresql-contrib; GRANT EXECUTE ON FUNCTION "
			     "bt_index_check(regclass, boolean) TO %s.",
			     c->role);
	} else if (!pg_bool(r, 0, 1)) {
		(void)err_set(err, ERR_DENIED,
			      "role %s may not call bt_index_check: EXECUTE is missing", c->role);
		return err_hint(err,
				"As a superuser: GRANT EXECUTE ON FUNCTION "
				"%s.bt_index_check(regclass, boolean) TO %s.",
				pg_text(r, 0, 0), c->role);
	} else {
		*ret_schema = xstrdup(pg_text(r, 0, 0));
	}
	return true;
}

/* Of a key also that the index has every row. */
static bool look_at_index(const struct probe *p, const char *schema, const struct pg_rows *r,
			  size_t i, struct tally *t, struct outcome *out, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("SELECT %s.bt_index_check($1::regclass, $2::bool)", schema);
	const char *name = pg_text(r, i, 0);

	t->looked++;
	t->bytes += pg_int(r, i, 3);
	if (pg_query(p->db, sql,
		     (struct pg_param[]){ PG_P_TEXT(name),
					  PG_P_TEXT(pg_bool(r, i, 2) ? "true" : "false") },
		     2, NULL, err))
		return true;
	/* XX001 and XX002 in PostgreSQL's list: data_corrupted and index_corrupted. */
	if (strncmp(err->native, "XX", 2) != 0)
		return err_wrap(err, "while reading %s", name);
	t->bad++;
	outcome_example(out, "%s on %s: %s", name, pg_text(r, i, 1), err->text);
	return true;
}

static bool look_at_all(const struct probe *p, const char *schema, const struct pg_rows *r,
			struct tally *t, struct outcome *out, struct err *err)
{
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		if (stop_requested())
			return err_set(err, ERR_STOPPED, "stopped before its end");
		if (!pg_bool(r, i, 4))
			t->left++;
		else if (!look_at_index(p, schema, r, i, t, out, err))
			return false;
	}
	return true;
}

static void judge(const struct tally *t, struct outcome *out)
{
	double seconds = clock_monotonic() - t->began;
	char rest[80];

	if (t->left)
		snprintf(rest, sizeof(rest), "; %lld more are read with --full",
			 (long long)t->left);
	else
		snprintf(rest, sizeof(rest), ", %.0f MB/s",
			 seconds > 0 ? (double)t->bytes / 1e6 / seconds : 0);
	outcome_count(out, "found", t->bad);
	if (t->bad == 0) {
		outcome_set(out, RESULT_OK, "%lld index(es) of %.1f MB (is|are) in order%s",
			    (long long)t->looked, (double)t->bytes / 1e6, rest);
		return;
	}
	outcome_set(out, RESULT_FINDING,
		    "%lld of %lld index(es) (does|do) not find what is there%s", (long long)t->bad,
		    (long long)t->looked, rest);
	outcome_hint(out, "REINDEX INDEX CONCURRENTLY builds one anew; a key that is there twice "
			  "by now (pulp-rows-unique) comes first. Look for the cause: sorting "
			  "rules (pulp-collation), disk or memory.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *schema = NULL;
	struct tally t = { .began = clock_monotonic() };

	if (!find_amcheck(p, &schema, out, err))
		return false;
	if (!schema)
		return true;
	if (!pg_query(p->db, indexes_sql,
		      (struct pg_param[]){ PG_P_TEXT(o->full ? NULL : largest) }, 1, &r, err) ||
	    !look_at_all(p, schema, r, &t, out, err))
		return false;
	judge(&t, out);
	return true;
}

const struct check check_pulp_indexes_corrupt = {
	.label = "pulp-indexes-corrupt",
	.summary = "indexes of Pulp find what is in their tables",
	.source = "pg_index, and bt_index_check of the extension amcheck",
	.explain =
		"Calls bt_index_check of the extension amcheck for the keys of tables of up to 4 MB, with their rows; with "
		"--full for every index. Without the extension there is nothing to ask.",
	.cost = "the keys of tables of up to 4 MB, with --full every index",
	.tags = (const char *const[]){ "database", NULL },
	.needs = NEED_DB,
	.params = look_params_table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
