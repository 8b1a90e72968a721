/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gives the databases of before their names back; what was restored stays beside them. */
#include "lib/core/mem.h"
#include "lib/store/restore_note.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

static bool find(const struct probe *p, struct pg **db, struct restore_lefts *ret, struct err *err)
{
	AUTO_FREE char *server = NULL;

	return restore_server(p, &server, err) && restore_connect(server, db, err) &&
	       restore_left_find(*db, ret, err);
}

/* In use is what a restore has brought, and what was before is still there. */
static bool returns(const struct restore_left *l)
{
	return l->restored && l->has_live && l->has_old && !l->has_fresh;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_LEFTS struct restore_lefts lefts = { .n = 0 };
	struct pg *db = NULL;
	size_t n = 0;

	(void)params;
	bool ok = find(p, &db, &lefts, err);
	pg_close(db);
	if (!ok)
		return false;
	for (size_t i = 0; i < lefts.n; i++)
		n += returns(&lefts.all[i]);
	*ret = n > 0;
	outcome_set(why, RESULT_OK,
		    n ? "%zu database(s) of before (is|are) there"
		      : "no database of before a restore is there",
		    n);
	return true;
}

/* The site is as before the restore that may have closed it: it may be opened by anybody. */
static bool keep_closed(const char *state_dir, struct err *err)
{
	struct restore_note note;

	if (!restore_note_read(state_dir, &note, err))
		return false;
	if (note.phase != RESTORE_SWAPPED)
		return true;
	note.phase = RESTORE_CLOSED;
	return restore_note_write(state_dir, &note, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_LEFTS struct restore_lefts lefts = { .n = 0 };
	struct pg *db = NULL;
	size_t n = 0;

	(void)params;
	if (!actor_lock_host(a, err) || !find(a->look, &db, &lefts, err)) {
		pg_close(db);
		return false;
	}
	AUTO_FREE const char *(*pairs)[2] = xcalloc(2 * lefts.n + 1, sizeof(*pairs));
	for (size_t i = 0; i < lefts.n; i++) {
		const struct restore_left *l = &lefts.all[i];

		if (!returns(l))
			continue;
		pairs[n][0] = l->live;
		pairs[n++][1] = l->fresh;
		pairs[n][0] = l->old;
		pairs[n++][1] = l->live;
		outcome_example(out, "%s is what it was before; %s is what was restored", l->live,
				l->fresh);
	}
	bool ok = restore_rename(db, (const char *const(*)[2])pairs, n, err) &&
		  keep_closed(config_get(a->look->config, "general.state_dir"), err);
	pg_close(db);
	if (ok)
		outcome_set(out, RESULT_OK,
			    "%zu database(s) of before (has|have) (its|their) names back", n / 2);
	return ok;
}

const struct procedure procedure_restore_revert = {
	.label = "restore-revert",
	.summary = "give the databases of before a restore their names back",
	.explain = "In one transaction. What was restored stays as NAME_restore_ID until `restore "
		   "finish`; files that were brought back stay too, since Pulp does not mind them.",
	.changes = "names of databases",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.needed = needed,
	.run = run,
};
