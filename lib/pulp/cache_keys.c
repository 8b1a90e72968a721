/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp keeps one hash per distribution.  Its key is the base path, or with domains on
 * "domain:base_path" (pulpcore app/util.py, cache_key).  What a pull-through distribution served
 * first lies under that distribution's own path, later pulls under that of the one it created.  The
 * flatpak index lies under one fixed key, and names labels and platforms of all repositories.
 */
#include "lib/pulp/cache_keys.h"
#include "lib/core/mem.h"
#include <stdlib.h>

static const char all_sql[] =
	"SELECT d.base_path, o.name"
	"  FROM core_distribution d JOIN core_domain o ON o.pulp_id = d.pulp_domain_id"
	" WHERE d.pulp_type IN ('container.container', 'container.pull-through')"
	" ORDER BY 2, 1";

/* The text between the two halves yields repository_id. */
static const char affected_head[] =
	"WITH served AS ("
	"	SELECT d.pulp_id, c.pull_through_distribution_id AS parent"
	"	  FROM container_containerdistribution c"
	"	  JOIN core_distribution d ON d.pulp_id = c.distribution_ptr_id"
	"	  LEFT JOIN core_repositoryversion v ON v.pulp_id = d.repository_version_id"
	"	 WHERE coalesce(d.repository_id, v.repository_id) IN (";
static const char affected_tail[] =
	")) SELECT d.base_path, o.name"
	"  FROM core_distribution d JOIN core_domain o ON o.pulp_id = d.pulp_domain_id"
	" WHERE d.pulp_id IN (SELECT pulp_id FROM served UNION SELECT parent FROM served)"
	" ORDER BY 2, 1";

static const char flatpak_index[] = "/index/static";

bool cache_keys_find(struct pg *db, const struct place *place, const char *sql_repositories,
		     struct cache_keys *ret, struct err *err)
{
	struct pg_rows *rows AUTO_ROWS = NULL;
	struct strbuf sql AUTO_STRBUF = { 0 };

	if (sql_repositories)
		strbuf_addf(&sql, "%s%s%s", affected_head, sql_repositories, affected_tail);
	else
		strbuf_adds(&sql, all_sql);
	if (!pg_query(db, sql.data, NULL, 0, &rows, err))
		return err_wrap(err, "while looking for the distributions whose cache must go");
	size_t n = pg_rows_count(rows);
	struct cache_keys keys = { .keys = xcalloc(2 * n + 1, sizeof *keys.keys) };
	for (size_t i = 0; i < n; i++) {
		const char *path = pg_text(rows, i, 0), *domain = pg_text(rows, i, 1);
		/* Deleting a spelling that Pulp does not use deletes nothing. */
		if (place->domain_enabled != 1)
			keys.keys[keys.n++] = xstrdup(path);
		if (place->domain_enabled != 0)
			keys.keys[keys.n++] = xasprintf("%s:%s", domain, path);
	}
	keys.keys[keys.n++] = xstrdup(flatpak_index);
	*ret = keys;
	return true;
}

void cache_keys_release(struct cache_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->keys[i]);
	free(k->keys);
	*k = (struct cache_keys){ .keys = NULL };
}
