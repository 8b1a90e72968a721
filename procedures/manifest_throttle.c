/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables, who is online, and what the command line says beside the configuration. */
#include "procedures/manifest_throttle.h"
#include "procedures/site_throttle.h"
#include <string.h>

/* A site may come online, or go, while a step is at work. */
static bool anybody_to_spare(void *arg, struct pg *db)
{
	const struct manifest_job *j = arg;
	struct pulp_services online;
	struct err ignored;

	return site_brake_named(&j->throttle) ||
	       !pulp_services_online(db, &j->schema, &j->actor->look->place, &online, &ignored) ||
	       online.api + online.content + online.workers > 0;
}

static bool was_set(const struct config *c, const char *key)
{
	return strcmp(config_source(c, key), "default") != 0;
}

bool manifest_throttle(struct manifest_job *j, const struct manifest_params *p, struct err *err)
{
	const struct config *c = j->actor->look->config;
	struct throttle_options *o = &j->throttle;

	if (!site_throttle(j->actor, "pre-migrate.profile", o, err))
		return false;
	o->online = anybody_to_spare;
	o->sense.tables = "{container_manifest,core_contentartifact,core_artifact}";
	if (p->throttle_query)
		o->sense.query = p->throttle_query;
	if (p->throttle_http)
		o->sense.url = p->throttle_http;
	if (p->throttle_cmd)
		o->sense.command = p->throttle_cmd;
	/* A share that was set is kept to, whatever users feel of it; what stops the work still
	 * does.  Who named a brake or a profile beside it has asked for more. */
	if (was_set(c, "pre-migrate.duty") && !was_set(c, "pre-migrate.profile") &&
	    !site_brake_named(o))
		o->profile = PROFILE_FINALIZE;
	j->setup.throttle = o;
	return true;
}
