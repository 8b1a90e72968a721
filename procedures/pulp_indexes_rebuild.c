/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * REINDEX CONCURRENTLY builds a copy beside the old index and changes places; nobody waits for it.
 * When it fails or its session ends, the copy stays behind, invalid, as INDEX_ccnew or INDEX_ccold:
 * those are dropped and never built.  An index that another session builds at this moment is
 * invalid too and is left alone; that session holds a lock on the table.
 */
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/probe.h"
#include "procedures/procedures.h"

#include <string.h>

enum { CONCURRENTLY_SINCE = 120000 };

/* Its name; whether it is such a copy; whether another session works on its table. */
static const char invalid_sql[] =
	"SELECT i.indexrelid::regclass::text, n.relname ~ '_cc(new|old)[0-9]*$',"
	" EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'relation' AND l.relation = i.indrelid"
	"  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
	"  AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_backend_pid())"
	" FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
	" JOIN pg_catalog.pg_class n ON n.oid = i.indexrelid"
	" WHERE NOT i.indisvalid AND (c.relname LIKE 'core\\_%' OR c.relname LIKE 'container\\_%') ORDER BY 2, 1";

struct tally {
	int built, dropped, busy, failed;
	struct err why; /* of the last one that failed */
};

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!pg_query(p->db, invalid_sql, NULL, 0, &r, err))
		return false;
	*ret = pg_rows_count(r) > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%zu index(es) (is|are) invalid",
		    pg_rows_count(r));
	return true;
}

static bool stop_wanted(void *arg)
{
	(void)arg;
	return stop_requested();
}

static bool exec(struct pg *db, const char *verb, const char *index, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("%s INDEX CONCURRENTLY %s", verb, index);

	pg_heed(db, stop_wanted, NULL);
	bool ok = pg_exec(db, sql, err);
	pg_heed(db, NULL, NULL);
	if (stop_requested())
		return err_set(err, ERR_STOPPED, "stopped while index %s was built", index);
	return ok || err_wrap(err, "while building index %s", index);
}

/* One that cannot be built, since its key is not unique, does not hold up the others. */
static bool build_all(struct pg *db, struct tally *t, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, invalid_sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		const char *index = pg_text(r, i, 0);

		if (pg_bool(r, i, 1))
			continue;
		if (pg_bool(r, i, 2)) {
			t->busy++;
			outcome_example(out, "%s: another session works on its table", index);
		} else if (exec(db, "REINDEX", index, err)) {
			t->built++;
		} else if (err->code == ERR_DATA) {
			t->failed++;
			t->why = *err;
			outcome_example(out, "%s", err->text);
		} else {
			return false;
		}
	}
	return true;
}

static bool drop_copies(struct pg *db, struct tally *t, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, invalid_sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		if (!pg_bool(r, i, 1))
			continue;
		if (pg_bool(r, i, 2))
			t->busy++;
		else if (exec(db, "DROP", pg_text(r, i, 0), err))
			t->dropped++;
		else
			return false;
	}
	return true;
}

static void answer(const struct tally *t, struct outcome *out)
{
	if (t->failed) {
		outcome_set(out, RESULT_FAILED, "%d index(es) could not be built: %s", t->failed,
			    t->why.text);
		outcome_hint(out, "Remove what stands twice, then run it again.");
	} else if (t->busy) {
		outcome_set(out, RESULT_WARNING,
			    "%d index(es) built anew; %d left to the session that works on them",
			    t->built, t->busy);
		outcome_hint(out, "Run it again when that has ended.");
	} else {
		outcome_set(out, RESULT_OK,
			    "%d index(es) built anew, %d cop(y|ies) of failed builds dropped",
			    t->built, t->dropped);
	}
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct tally t = { 0 };
	struct pg *db = NULL;

	(void)params;
	if (!actor_connect(a, "reindex", &db, err))
		return false;
	bool ok = pg_server_version(db) >= CONCURRENTLY_SINCE;
	if (!ok) {
		(void)err_set(err, ERR_UNSUPPORTED,
			      "this PostgreSQL cannot build an index while others work");
		(void)err_hint(err, "Stop Pulp and run REINDEX INDEX for each; version 12 can.");
	}
	ok = ok && build_all(db, &t, out, err) && drop_copies(db, &t, err);
	pg_close(db);
	if (ok)
		answer(&t, out);
	return ok;
}

const struct procedure procedure_pulp_indexes_rebuild = {
	.label = "pulp-indexes-rebuild",
	.summary = "build invalid indexes of Pulp anew",
	.explain =
		"An index whose concurrent build has failed is kept up to date by every write and used by no query. It is built "
		"beside the old one while Pulp works on; a stop ends it, and the next run removes what it left.",
	.changes = "invalid indexes of Pulp's tables; no row",
	.tags = (const char *const[]){ "fix", "database", "online", NULL },
	.needs = NEED_DB,
	.needed = needed,
	.run = run,
};
