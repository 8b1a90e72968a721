/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of a restore: what it has left beside the databases in use is dropped, each by its name.
 * Nothing else stands in for the name, and no other database can be named.
 */
#include "procedures/restore_finish.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <string.h>

const struct opt restore_finish_params_table[] = {
	RESTORE_FINISH_ROWS(struct restore_finish_params, destroy), OPTS_END
};

struct finish {
	struct pg *db;
	struct restore_lefts lefts;
};

static bool begin(const struct probe *p, struct finish *f, struct err *err)
{
	AUTO_FREE char *server = NULL;

	return restore_server(p, &server, err) && restore_connect(server, &f->db, err) &&
	       restore_left_find(f->db, &f->lefts, err);
}

static void end(struct finish *f)
{
	pg_close(f->db);
	restore_left_release(&f->lefts);
}
#define AUTO_FINISH __attribute__((cleanup(end)))

/* The databases that may be dropped, one after the other; NULL ends. */
static const char *droppable(const struct finish *f, size_t i)
{
	for (size_t k = 0; k < f->lefts.n; k++) {
		const struct restore_left *l = &f->lefts.all[k];

		/* The only one of its kind is no leftover. */
		if (l->has_fresh && i-- == 0)
			return l->fresh;
		if (l->has_old && l->has_live && i-- == 0)
			return l->old;
	}
	return NULL;
}

static bool named(const struct restore_finish_params *o, const char *name)
{
	for (size_t i = 0; o->destroy && o->destroy[i]; i++)
		if (strcmp(o->destroy[i], name) == 0)
			return true;
	return false;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_FINISH struct finish f = { .db = NULL };
	size_t n = 0;

	(void)params;
	if (!begin(p, &f, err))
		return false;
	while (droppable(&f, n))
		n++;
	*ret = f.lefts.n > 0;
	outcome_set(why, RESULT_OK, "%zu database(s) (is|are) left of restores", n);
	return true;
}

/* Dropped by a run that was killed before its end, or by somebody else. */
static bool gone(struct pg *db, const char *name, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT FROM pg_database WHERE datname = $1",
		      (struct pg_param[]){ PG_P_TEXT(name) }, 1, &r, err))
		return false;
	*ret = pg_rows_count(r) == 0 && restore_left_name(name);
	return true;
}

static bool check_words(const struct finish *f, const struct restore_finish_params *o,
			struct err *err)
{
	for (size_t i = 0; o->destroy && o->destroy[i]; i++) {
		const char *name;
		bool is_gone = false;
		size_t k = 0;

		while ((name = droppable(f, k++)) != NULL && strcmp(name, o->destroy[i]) != 0)
			;
		if (!name && !gone(f->db, o->destroy[i], &is_gone, err))
			return false;
		if (name || is_gone)
			continue;
		(void)err_set(err, ERR_USAGE, "'%s' is no database that a restore has left",
			      o->destroy[i]);
		return err_hint(err, "`plmaint plan restore finish` says what is; no other is ever "
				     "dropped.");
	}
	return true;
}

static bool drop(struct pg *db, const char *name, struct err *err)
{
	AUTO_STRBUF struct strbuf sql = { 0 };

	strbuf_adds(&sql, "DROP DATABASE IF EXISTS ");
	pg_quote_name(&sql, name);
	return pg_exec(db, sql.data, err);
}

/* Without its mark a restored database is one like any other; its own comment is below that. */
static bool unmark(struct pg *db, const struct restore_left *l, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	return pg_query(db,
			"SELECT format('COMMENT ON DATABASE %I IS %L', datname, substring("
			"shobj_description(oid, 'pg_database') FROM '^[^\\n]*\\n(.+)$'))"
			" FROM pg_database WHERE datname = $1",
			(struct pg_param[]){ PG_P_TEXT(l->live) }, 1, &r, err) &&
	       (pg_rows_count(r) == 0 || pg_exec(db, pg_text(r, 0, 0), err));
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct restore_finish_params *o = params;
	AUTO_FINISH struct finish f = { .db = NULL };
	size_t dropped = 0, kept = 0;
	const char *name;

	if (!actor_lock_host(a, err) || !begin(a->look, &f, err) || !check_words(&f, o, err))
		return false;
	for (size_t i = 0; (name = droppable(&f, i)) != NULL; i++) {
		if (!named(o, name)) {
			kept++;
			outcome_example(out, "%s stays: --yes-destroy %s drops it", name, name);
			continue;
		}
		if (!drop(f.db, name, err))
			return false;
		dropped++;
	}
	if (kept) {
		outcome_set(out, RESULT_FAILED,
			    "%zu database(s) (is|are) dropped, %zu (was|were) not named", dropped,
			    kept);
		outcome_hint(out, "A restore is finished when all that it has left is dropped, "
				  "each by its name.");
		return true;
	}
	for (size_t i = 0; i < f.lefts.n; i++)
		if (f.lefts.all[i].restored && !unmark(f.db, &f.lefts.all[i], err))
			return false;
	outcome_set(out, RESULT_OK,
		    "%zu database(s) (is|are) dropped; there is no way back any more", dropped);
	return true;
}

const struct procedure procedure_restore_finish = {
	.label = "restore-finish",
	.summary = "drop the databases that a restore has left",
	.explain = "After a restore these are the databases of before, after a revert the restored "
		   "ones. Each has to be named with --yes-destroy; no other option stands in for "
		   "it, and no other database is ever dropped.",
	.changes = "drops the databases that are named",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_finish_params_table,
	.params_size = sizeof(struct restore_finish_params),
	.needed = needed,
	.run = run,
};
