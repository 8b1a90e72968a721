/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opens, creates and drops the ledger; ledger.h says what it is. */
#include "lib/batch/ledger.h"
#include "lib/core/mem.h"
#include <stdio.h>
#include <string.h>

/* What each format adds to the one before it. */
static const char *const ddl[LEDGER_FORMAT] = {
#include "lib/batch/ledger.sql.h"
	,
#include "lib/batch/control.sql.h"
	,
#include "lib/batch/calibration.sql.h"
	,
#include "lib/batch/forecast.sql.h"
};

/* Two programs that start at once must not both create: one transaction lock, number of our own. */
static const char create_lock[] = "SELECT pg_advisory_xact_lock(1886219636, 1)";

char *ledger_sql(const struct ledger *l, const char *sql)
{
	struct strbuf out = { 0 };

	for (const char *p = sql; *p; p++) {
		if (p[0] == '@' && p[1] == '.')
			strbuf_adds(&out, l->schema);
		else
			strbuf_add(&out, p, 1);
	}
	return strbuf_take(&out);
}

bool ledger_query(const struct ledger *l, struct pg *db, const char *sql,
		  const struct pg_param *params, size_t n, struct pg_rows **ret, struct err *err)
{
	AUTO_FREE char *text = ledger_sql(l, sql);

	return pg_query(db, text, params, n, ret, err);
}

static bool may_not_read(const struct pg_rows *r, struct err *err)
{
	const char *role = pg_text(r, 0, 1);

	(void)err_set(err, ERR_DENIED, "role %s may not read the tables of schema plmaint", role);
	return err_hint(err,
			"Connect as their owner, %s, or let it run: GRANT USAGE ON SCHEMA plmaint "
			"TO %s; GRANT SELECT ON ALL TABLES IN SCHEMA plmaint TO %s.",
			pg_text(r, 0, 2), role, role);
}

bool ledger_has(struct pg *db, const char *table, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	/* Not to_regclass(): what a session has once found missing it may go on to find missing
	 * after it has waited for whoever made it. */
	if (!pg_query(
		    db,
		    "SELECT coalesce(has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'), true),"
		    " current_user, c.relowner::regrole"
		    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		    " WHERE n.nspname = 'plmaint' AND c.relname = $1::name",
		    (struct pg_param[]){ PG_P_TEXT(table) }, 1, &r, err))
		return false;
	*ret = pg_rows_count(r) > 0;
	return !*ret || pg_bool(r, 0, 0) || may_not_read(r, err);
}

bool ledger_exists(struct pg *db, bool *ret_exists, struct err *err)
{
	return ledger_has(db, "meta", ret_exists, err);
}

bool ledger_drop(struct pg *db, struct err *err)
{
	return pg_exec(db, "DROP SCHEMA IF EXISTS plmaint CASCADE", err);
}

/* Who this database is.  The cluster's identifier survives a restart and not an initdb. */
#define IDENTITY                                                     \
	"(SELECT system_identifier::text FROM pg_control_system())," \
	" (SELECT oid::text FROM pg_database WHERE datname = current_database())"

bool ledger_is_copy(struct pg *db, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT EXISTS (SELECT FROM plmaint.meta WHERE (system_identifier, database_oid)"
		    " <> (SELECT " IDENTITY "))",
		    NULL, 0, &r, err))
		return false;
	*ret = pg_bool(r, 0, 0);
	return true;
}

/* The tables that a ledger of this format lacks; 0: all. */
static bool add_tables(const struct ledger *l, struct pg *db, int64_t format, struct err *err)
{
	for (; format < LEDGER_FORMAT; format++) {
		AUTO_FREE char *text = ledger_sql(l, ddl[format]);

		if (!pg_exec(db, text, err))
			return false;
	}
	return true;
}

static bool create_tables(const struct ledger *l, struct pg *db, struct err *err)
{
	AUTO_FREE char *meta = ledger_sql(
		l, "INSERT INTO @.meta (format, classifier, system_identifier, database_oid)"
		   " SELECT $1::int, $2::int, " IDENTITY);
	char format[16], classifier[16];

	snprintf(format, sizeof(format), "%d", LEDGER_FORMAT);
	snprintf(classifier, sizeof(classifier), "%d", LEDGER_CLASSIFIER);
	return add_tables(l, db, 0, err) &&
	       pg_query(db, meta, (struct pg_param[]){ PG_P_TEXT(format), PG_P_TEXT(classifier) },
			2, NULL, err);
}

/* Gives all to the owner of Pulp's tables, NULL: to the schema's; quote_ident keeps a role's name a
 * name. */
static bool give_to_owner(struct pg *db, const char *owner, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "WITH o AS (SELECT coalesce($1::text, pg_get_userbyid(nspowner)) AS name FROM pg_namespace"
		    " WHERE nspname = 'plmaint') SELECT format('ALTER SCHEMA plmaint OWNER TO %I', name) FROM o"
		    " UNION ALL SELECT format('ALTER TABLE plmaint.%I OWNER TO %I', relname, name) FROM pg_class, o"
		    " WHERE relnamespace = 'plmaint'::regnamespace AND relkind = 'r'",
		    (struct pg_param[]){ PG_P_TEXT(owner) }, 1, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		if (!pg_exec(db, pg_text(r, i, 0), err))
			return false;
	}
	return true;
}

static bool create_shared(struct ledger *l, struct pg *db, const char *owner, struct err *err)
{
	struct err undo;

	if (!pg_exec(db, "BEGIN", err))
		return false;
	bool exists;
	if (pg_exec(db, create_lock, err) && ledger_exists(db, &exists, err) &&
	    (exists || (pg_exec(db, "CREATE SCHEMA plmaint", err) && create_tables(l, db, err) &&
			give_to_owner(db, owner, err))) &&
	    pg_exec(db, "COMMIT", err))
		return true;
	(void)!pg_exec(db, "ROLLBACK", &undo);
	return false;
}

/* In place, with what it remembers; two programs that meet here do it once. */
static bool upgrade(const struct ledger *l, struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *set = xasprintf("UPDATE @.meta SET format = %d", LEDGER_FORMAT);
	struct err undo;

	if (pg_exec(db, "BEGIN", err) && pg_exec(db, create_lock, err) &&
	    ledger_query(l, db, "SELECT format FROM @.meta", NULL, 0, &r, err) &&
	    add_tables(l, db, pg_rows_count(r) == 1 ? pg_int(r, 0, 0) : LEDGER_FORMAT, err) &&
	    give_to_owner(db, NULL, err) && ledger_query(l, db, set, NULL, 0, NULL, err) &&
	    pg_exec(db, "COMMIT", err))
		return true;
	(void)!pg_exec(db, "ROLLBACK", &undo);
	return err_wrap(err, "while bringing the ledger to format %d", LEDGER_FORMAT);
}

/*
 * A ledger that came with a dump or a clone describes another database: its open runs, leases and
 * debts are history.  A verdict stays: it names what it depends on and is checked before use.
 */
static bool adopt(const struct ledger *l, struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char format[16], classifier[16];

	if (!ledger_query(
		    l, db,
		    "SELECT format, classifier, system_identifier = i.s AND database_oid = i.d"
		    " FROM @.meta, (SELECT " IDENTITY ") AS i(s, d)",
		    NULL, 0, &r, err))
		return false;
	if (pg_rows_count(r) != 1)
		return err_set(err, ERR_UNSUPPORTED,
			       "the ledger in schema plmaint has no meta row"),
		       err_hint(
			       err,
			       "Run `plmaint pre-migrate reset` to drop it; nothing of Pulp's is lost by that.");
	if (pg_int(r, 0, 0) > LEDGER_FORMAT)
		return err_set(err, ERR_UNSUPPORTED,
			       "the ledger in schema plmaint was made by a newer plmaint (format %d)",
			       (int)pg_int(r, 0, 0)),
		       err_hint(
			       err,
			       "Use that newer plmaint, or drop the ledger with `plmaint pre-migrate reset`.");
	if (pg_int(r, 0, 0) < 1)
		return err_set(err, ERR_UNSUPPORTED, "the ledger in schema plmaint has format %d",
			       (int)pg_int(r, 0, 0)),
		       err_hint(err, "Drop it with `plmaint pre-migrate reset`.");
	if (pg_int(r, 0, 0) < LEDGER_FORMAT && !upgrade(l, db, err))
		return false;
	if (pg_bool(r, 0, 2) && pg_int(r, 0, 1) == LEDGER_CLASSIFIER)
		return true;
	snprintf(format, sizeof(format), "%d", LEDGER_FORMAT);
	snprintf(classifier, sizeof(classifier), "%d", LEDGER_CLASSIFIER);
	return (pg_bool(r, 0, 2) ||
		ledger_query(
			l, db,
			"WITH k AS (DELETE FROM @.knob), p AS (DELETE FROM @.program)"
			" UPDATE @.run SET state = 'retired', ended = clock_timestamp() WHERE state = 'open'",
			NULL, 0, NULL, err)) &&
	       (pg_int(r, 0, 1) == LEDGER_CLASSIFIER ||
		ledger_query(
			l, db,
			"DELETE FROM @.verdict WHERE accepted IS NULL AND effect <> 'quarantine'",
			NULL, 0, NULL, err)) &&
	       ledger_query(l, db,
			    "UPDATE @.meta SET format = $1::int, classifier = $2::int,"
			    " (system_identifier, database_oid) = (SELECT " IDENTITY ")",
			    (struct pg_param[]){ PG_P_TEXT(format), PG_P_TEXT(classifier) }, 2,
			    NULL, err);
}

bool ledger_join(struct pg *db, struct ledger *ret, struct err *err)
{
	struct ledger l = { .schema = "plmaint", .shared = true };
	bool exists;

	if (!ledger_exists(db, &exists, err))
		return false;
	if (!exists)
		return err_set(err, ERR_NOT_FOUND, "there is no ledger in this database"),
		       err_hint(err, "`plmaint pre-migrate run` makes it.");
	if (!adopt(&l, db, err))
		return false;
	*ret = l;
	return true;
}

static bool open_single(struct ledger *l, struct pg *db, struct err *err)
{
	l->schema = "pg_temp";
	l->shared = false;
	return create_tables(l, db, err) || err_wrap(err, "while making a temporary ledger") ||
	       err_hint(err, "Pulp's role needs CREATE or TEMPORARY on its database: "
			     "GRANT CREATE ON DATABASE ... TO ... as the database's owner.");
}

bool ledger_open(struct pg *db, const char *owner, bool force_single, struct ledger *ret,
		 struct err *err)
{
	struct ledger l = { .schema = "plmaint", .shared = true };
	bool exists;

	if (force_single) {
		snprintf(l.why_single, sizeof(l.why_single), "nothing may be written");
	} else if (!ledger_exists(db, &exists, err)) {
		return false;
	} else if (!exists && !create_shared(&l, db, owner, err)) {
		if (err->code != ERR_DENIED)
			return err_wrap(err, "while creating the ledger");
		snprintf(l.why_single, sizeof(l.why_single), "no shared ledger: %.200s", err->text);
	}
	if (l.why_single[0] ? !open_single(&l, db, err) : !adopt(&l, db, err))
		return false;
	*ret = l;
	return true;
}
