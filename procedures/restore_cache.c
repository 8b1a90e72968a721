/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Pulp has cached is of the other database.  The content app looks into the cache before it
 * asks the database whether there is such a distribution, so those that only the other one knows
 * count as well.
 */
#include "lib/core/mem.h"
#include "lib/drivers/pg_conninfo.h"
#include "lib/pulp/cache_flush.h"
#include "lib/pulp/cache_keys.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <string.h>

static bool flush(const struct probe *p, const char *server, const char *database, size_t *deleted,
		  struct err *err)
{
	AUTO_FREE char *there = NULL;
	struct cache_keys keys = { .keys = NULL };
	struct pg *db = NULL;
	size_t n = 0;

	if (!pg_conninfo_with(server, database, &there, err) || !restore_connect(there, &db, err))
		return false;
	bool ok = cache_keys_find(db, &p->place, NULL, &keys, err) &&
		  cache_flush(p->config, &p->place, &keys, &n, err);
	cache_keys_release(&keys);
	pg_close(db);
	*deleted += n;
	return ok;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)params;
	(void)err;
	*ret = p->place.cache_enabled && p->place.redis_url;
	outcome_set(why, RESULT_OK,
		    *ret ? "Pulp has a content cache" : "Pulp has no content cache");
	return true;
}

static bool flush_both(const struct probe *p, const char *server, const struct restore_left *l,
		       size_t *deleted, struct err *err)
{
	return (!l->has_live || flush(p, server, l->live, deleted, err)) &&
	       (!l->has_old || flush(p, server, l->old, deleted, err)) &&
	       (!l->has_fresh || flush(p, server, l->fresh, deleted, err));
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_LEFTS struct restore_lefts lefts = { .n = 0 };
	AUTO_FREE char *server = NULL, *pulp = NULL;
	struct pg *db = NULL;
	size_t deleted = 0;

	(void)params;
	if (!restore_server(a->look, &server, err) ||
	    !pg_conninfo_database(a->look->place.conninfo, &pulp, err) ||
	    !restore_connect(server, &db, err))
		return false;
	bool ok = restore_left_find(db, &lefts, err);
	pg_close(db);
	for (size_t i = 0; ok && i < lefts.n; i++)
		if (strcmp(lefts.all[i].live, pulp) == 0)
			ok = flush_both(a->look, server, &lefts.all[i], &deleted, err);
	if (ok)
		outcome_set(out, RESULT_OK, "deleted %zu key(s)", deleted);
	return ok;
}

const struct procedure procedure_restore_cache = {
	.label = "restore-cache",
	.summary = "delete what Pulp has cached of container distributions, old and restored",
	.explain = "The content app answers from its cache before it asks the database.",
	.changes = "deletes keys of container distributions and /index/static from Pulp's Redis",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS | NEED_REDIS,
	.needed = needed,
	.run = run,
};
