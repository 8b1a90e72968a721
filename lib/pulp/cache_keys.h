/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which Redis keys hold what a set of repositories serves: base paths, with domains where they are
 * on, pull-through twins, the flatpak index. */
#pragma once
#include "lib/core/err.h"
#include "lib/drivers/pg.h"
#include "lib/drivers/probe.h"

struct cache_keys {
	char **keys; /* owned */
	size_t n;
};
/*
 * sql_repositories: a SELECT that yields repository_id (a statement of ours, never data), or NULL
 * for every container distribution.
 * "/index/static" is always among them.  Unknown domain_enabled: both spellings.
 */
bool cache_keys_find(struct pg *db, const struct place *place, const char *sql_repositories,
		     struct cache_keys *ret, struct err *err) MUST_CHECK;
void cache_keys_release(struct cache_keys *k);
