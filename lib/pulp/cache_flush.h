/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp's content cache as it is configured: connecting and deleting keys, for the procedure
 * pulp-cache-invalidate and for whoever pays a debt of the cache.  Never FLUSHDB: the same Redis
 * database may hold the locks of Pulp's workers.
 */
#pragma once
#include "lib/core/config.h"
#include "lib/drivers/probe.h"
#include "lib/drivers/redis.h"
#include "lib/pulp/cache_keys.h"

/* How it is reached; texts are borrowed.  url is NULL when Pulp has no cache. */
void cache_options(const struct config *config, const struct place *place,
		   struct redis_options *ret);
/* *ret is NULL when Pulp has no cache. */
bool cache_connect(const struct config *config, const struct place *place, struct redis **ret,
		   struct err *err) MUST_CHECK;
/* Deletes the keys; *ret_deleted (may be NULL) counts those that existed.  Without a cache nothing
 * is done. */
bool cache_flush(const struct config *config, const struct place *place,
		 const struct cache_keys *keys, size_t *ret_deleted, struct err *err) MUST_CHECK;
/* How many of the keys exist now. */
bool cache_count(const struct config *config, const struct place *place,
		 const struct cache_keys *keys, size_t *ret, struct err *err) MUST_CHECK;
