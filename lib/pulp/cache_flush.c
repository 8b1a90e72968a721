/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Redis as plmaint.conf says, else as Pulp's settings say. */
#include "lib/pulp/cache_flush.h"

void cache_options(const struct config *config, const struct place *place,
		   struct redis_options *ret)
{
	*ret = (struct redis_options){
		.url = place->cache_enabled ? place->redis_url : NULL,
		.user = config_get(config, "redis.user"),
		.password_file = config_get(config, "redis.password_file"),
		.ca_file = config_get(config, "redis.ca_file"),
	};
}

bool cache_connect(const struct config *config, const struct place *place, struct redis **ret,
		   struct err *err)
{
	struct redis_options options;

	cache_options(config, place, &options);
	if (!options.url) {
		*ret = NULL;
		return true;
	}
	if (redis_connect(&options, ret, err))
		return true;
	if (!*err->hint)
		(void)err_hint(err, "Start Redis, or name the cache that Pulp uses in redis.url.");
	return err_wrap(err, "while connecting to the content cache");
}

bool cache_flush(const struct config *config, const struct place *place,
		 const struct cache_keys *keys, size_t *ret_deleted, struct err *err)
{
	struct redis *redis = NULL;
	size_t deleted = 0;

	if (!cache_connect(config, place, &redis, err))
		return false;
	bool ok = !redis ||
		  redis_delete(redis, (const char *const *)keys->keys, keys->n, &deleted, err);
	redis_close(redis);
	if (!ok)
		return err_wrap(err, "while deleting keys of the content cache");
	if (ret_deleted)
		*ret_deleted = deleted;
	return true;
}

bool cache_count(const struct config *config, const struct place *place,
		 const struct cache_keys *keys, size_t *ret, struct err *err)
{
	struct redis *redis = NULL;
	size_t n = 0;

	if (!cache_connect(config, place, &redis, err))
		return false;
	bool ok = !redis || redis_exists(redis, (const char *const *)keys->keys, keys->n, &n, err);
	redis_close(redis);
	if (!ok)
		return err_wrap(err, "while looking into the content cache");
	*ret = n;
	return true;
}
