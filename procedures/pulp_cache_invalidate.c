/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Deletes what Pulp has cached of container distributions.  "affected" are those that serve a
 * manifest without an artifact link: only their entries can name a file that is going away, or hold
 * an answer from before the manifest's data was in its row.
 */
#include "procedures/procedures.h"

#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/cache_flush.h"
#include "lib/pulp/cache_keys.h"

#include <string.h>

/* Pending manifests are served although no repository version holds them yet. */
static const char affected_sql[] =
	"WITH bare AS (SELECT m.content_ptr_id AS id FROM container_manifest m WHERE NOT EXISTS ("
	"	SELECT FROM core_contentartifact a WHERE a.content_id = m.content_ptr_id))"
	" SELECT r.repository_id FROM core_repositorycontent r JOIN bare ON bare.id = r.content_id"
	" UNION SELECT p.containerrepository_id"
	"	FROM container_containerrepository_pending_manifests p JOIN bare ON bare.id = p.manifest_id"
	" UNION SELECT q.containerpushrepository_id"
	"	FROM container_containerpushrepository_pending_manifests q JOIN bare ON bare.id = q.manifest_id";

struct params {
	char *scope;
};

static const struct opt params_table[] = {
	{ .name = "scope",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct params, scope),
	  .arg = "SCOPE",
	  .help = "affected (distributions that serve migrated manifests) or all",
	  .fallback = "affected" },
	OPTS_END,
};

static bool find_keys(const struct probe *p, const struct params *params, struct cache_keys *keys,
		      struct err *err)
{
	bool all = params->scope && strcmp(params->scope, "all") == 0;

	if (params->scope && !all && strcmp(params->scope, "affected") != 0) {
		(void)err_set(err, ERR_USAGE, "'%s' is no scope of the cache", params->scope);
		return err_hint(err, "It is one of affected, all.");
	}
	return cache_keys_find(p->db, &p->place, all ? NULL : affected_sql, keys, err);
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct cache_keys keys = { .keys = NULL };
	size_t cached = 0;

	if (!p->place.cache_enabled || !p->place.redis_url) {
		outcome_set(why, RESULT_NOT_NEEDED, "Pulp has no content cache");
		*ret = false;
		return true;
	}
	if (!find_keys(p, params, &keys, err))
		return false;
	bool ok = cache_count(p->config, &p->place, &keys, &cached, err);
	if (ok) {
		outcome_set(why, cached ? RESULT_OK : RESULT_NOT_NEEDED,
			    "%zu of %zu key(s) (is|are) cached", cached, keys.n);
		*ret = cached > 0;
	}
	cache_keys_release(&keys);
	return ok;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct probe *p = a->look;
	struct cache_keys keys = { .keys = NULL };
	size_t deleted = 0;

	if (!find_keys(p, params, &keys, err))
		return false;
	bool ok = cache_flush(p->config, &p->place, &keys, &deleted, err);
	if (ok)
		outcome_set(out, RESULT_OK, "deleted %zu of %zu key(s)", deleted, keys.n);
	cache_keys_release(&keys);
	return ok;
}

const struct procedure procedure_pulp_cache_invalidate = {
	.label = "pulp-cache-invalidate",
	.summary = "delete what Pulp has cached of container distributions",
	.explain =
		"Pulp caches answers of the registry and of the content app in Redis, one hash for each distribution, "
		"with the path of the artifact's file in it (pulp_container up to 2.24) or with the empty answer of "
		"a manifest whose data was missing (from 2.25 on). Upstream's own command takes the wrong key where "
		"domains are on, and leaves out pull-through distributions and the flatpak index. Only keys of "
		"container distributions are deleted, since the same Redis database may hold the locks of "
		"Pulp's workers; the next pull fills the cache again.",
	.changes = "deletes keys of container distributions and /index/static from Pulp's Redis",
	.tags = (const char *const[]){ "pulp", "cache", NULL },
	.needs = NEED_DB | NEED_REDIS,
	.params = params_table,
	.params_size = sizeof(struct params),
	.needed = needed,
	.run = run,
};
