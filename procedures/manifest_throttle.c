/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The profile, the tables, the request that stands for Pulp's own, and what else is asked. */
#include "procedures/manifest_throttle.h"
#include "lib/pulp/cache_flush.h"
#include <string.h>

/* What the operator named as a brake is obeyed whoever is online. */
static bool brake_named(const struct throttle_options *o)
{
	return o->sense.query || o->sense.url || o->sense.command || o->max_wal > 0;
}

/* A site may come online, or go, while a step is at work. */
static bool anybody_to_spare(void *arg, struct pg *db)
{
	const struct manifest_job *j = arg;
	struct pulp_services online;
	struct err ignored;

	return brake_named(&j->throttle) ||
	       !pulp_services_online(db, &j->schema, &j->actor->look->place, &online, &ignored) ||
	       online.api + online.content + online.workers > 0;
}

static bool read_profile(const struct config *c, enum profile *ret, struct err *err)
{
	const char *word = config_get(c, "pre-migrate.profile");

	for (int i = 0; profile_names[i]; i++) {
		if (strcmp(word, profile_names[i]) == 0) {
			*ret = (enum profile)i;
			return true;
		}
	}
	return err_set(err, ERR_CONFIG,
		       "pre-migrate.profile: '%s' is none of gentle, default, fast, finalize",
		       word);
}

static const char *either(const char *option, const struct config *c, const char *key)
{
	return option ? option : config_get(c, key);
}

bool manifest_throttle(struct manifest_job *j, const struct manifest_params *p, struct err *err)
{
	const struct config *c = j->actor->look->config;
	struct throttle_options *o = &j->throttle;

	*o = (struct throttle_options){
		.online = anybody_to_spare,
		.sense = { .tables = "{container_manifest,core_contentartifact,core_artifact}",
			   .probe =
				   "SELECT m.digest, m.media_type, m.schema_version FROM container_manifest m"
				   " WHERE m.content_ptr_id >= $1 ORDER BY m.content_ptr_id LIMIT 1",
			   .status_url = config_get(c, "throttle.status_url"),
			   .content_url = config_get(c, "throttle.content_url"),
			   .access_log = config_get(c, "throttle.access_log"),
			   .query = either(p->throttle_query, c, "throttle.query"),
			   .url = either(p->throttle_http, c, "throttle.url"),
			   .command = either(p->throttle_cmd, c, "throttle.command") },
		.trace_file = config_get(c, "throttle.trace"),
	};
	if (!read_profile(c, &o->profile, err) ||
	    !config_seconds(c, "throttle.calm", &o->calm, err) ||
	    !config_seconds(c, "throttle.max_lag", &o->max_lag, err) ||
	    !config_real(c, "throttle.max_wal", 0, 100000, &o->max_wal, err))
		return false;
	o->give_up = strcmp(config_get(c, "throttle.critical"), "abort") == 0;
	cache_options(c, &j->actor->look->place, &o->sense.redis);
	bool fixed = strcmp(config_source(c, "pre-migrate.duty"), "default") != 0;
	j->setup.throttle = fixed && !brake_named(o) ? NULL : o;
	return true;
}
