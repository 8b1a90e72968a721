/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The request that stands for Pulp's own, what else is asked, and what holds up which work. */
#include "procedures/site_throttle.h"

#include "lib/core/mem.h"
#include "lib/pulp/cache_flush.h"

#include <stdlib.h>
#include <string.h>

/*
 * A failing archiver, WAL that heaps up or a full disk of the database: a backup adds nothing to
 * them, and is wanted the more.  Who waits for a lock of its snapshot waits longer if it is slow.
 */
static const enum signal no_matter_of_files[] = {
	SIGNAL_LOCK_WAIT, SIGNAL_LOCK_WAITERS, SIGNAL_SLOT,	  SIGNAL_ARCHIVE,
	SIGNAL_ARCHIVER,  SIGNAL_CHECKPOINT,   SIGNAL_AUTOVACUUM, SIGNAL_WAL,
	SIGNAL_DISK,	  SIGNAL_ROOM,	       SIGNAL_DEADLOCKS,
};

bool site_profile(const struct actor *a, const char *key, enum profile *ret, struct err *err)
{
	const char *word = config_get(a->look->config, key);

	for (int i = 0; profile_names[i]; i++) {
		if (strcmp(word, profile_names[i]) == 0) {
			*ret = (enum profile)i;
			return true;
		}
	}
	return err_set(err, ERR_CONFIG, "%s: '%s' is none of gentle, default, fast, finalize", key,
		       word);
}

bool site_brake_named(const struct throttle_options *o)
{
	return o->sense.query || o->sense.url || o->sense.command || o->max_wal > 0;
}

bool site_throttle(const struct actor *a, const char *profile_key, struct throttle_options *ret,
		   struct err *err)
{
	const struct config *c = a->look->config;
	struct throttle_options o = {
		.sense = { .probe =
				   "SELECT m.digest, m.media_type, m.schema_version FROM container_manifest m"
				   " WHERE m.content_ptr_id >= $1 ORDER BY m.content_ptr_id LIMIT 1",
			   .status_url = config_get(c, "throttle.status_url"),
			   .content_url = config_get(c, "throttle.content_url"),
			   .access_log = config_get(c, "throttle.access_log"),
			   .query = config_get(c, "throttle.query"),
			   .url = config_get(c, "throttle.url"),
			   .command = config_get(c, "throttle.command") },
		.trace_file = config_get(c, "throttle.trace"),
		.give_up = strcmp(config_get(c, "throttle.critical"), "abort") == 0,
	};

	if (!site_profile(a, profile_key, &o.profile, err) ||
	    !config_seconds(c, "throttle.calm", &o.calm, err) ||
	    !config_seconds(c, "throttle.max_lag", &o.max_lag, err) ||
	    !config_seconds(c, "throttle.query_every", &o.query_every, err) ||
	    !config_real(c, "throttle.max_wal", &o.max_wal, err))
		return false;
	cache_options(c, &a->look->place, &o.sense.redis);
	*ret = o;
	return true;
}

/* A site may come online, or go, while it is at work. */
static bool anybody_to_spare(void *arg, struct pg *db)
{
	struct file_throttle *t = arg;
	struct pulp_services online;
	struct err ignored;

	if (!t->known)
		t->known = pulp_schema_probe(db, false, true, &t->schema, &ignored);
	return site_brake_named(&t->options) || !t->known ||
	       !pulp_services_online(db, &t->schema, &t->actor->look->place, &online, &ignored) ||
	       online.api + online.content + online.workers > 0;
}

static bool connect_session(void *arg, const char *name, struct pg **ret, struct err *err)
{
	return actor_connect(((struct file_throttle *)arg)->actor, name, ret, err);
}

static void keep_session(void *arg, struct pg *db)
{
	actor_keep(((struct file_throttle *)arg)->actor, db);
}

/* A site whose database is not there serves nobody: a host that is made anew, or one that keeps
 * backups only. */
static bool site_answers(const struct actor *a)
{
	struct pg *db = NULL;
	struct err ignored;

	if (!a->look->place.conninfo || !actor_connect(a, "monitor", &db, &ignored))
		return false;
	actor_keep(a, db);
	return true;
}

bool file_throttle_open(const struct actor *a, const char *prefix, bool closed,
			struct file_throttle *t, struct stints **ret, struct err *err)
{
	AUTO_FREE char *profile = xasprintf("%s.profile", prefix);
	AUTO_FREE char *duty = xasprintf("%s.duty", prefix);
	struct stints_setup setup;

	*t = (struct file_throttle){ .actor = a };
	if (!site_throttle(a, profile, &t->options, err) ||
	    !config_real(a->look->config, duty, &setup.duty, err))
		return false;
	t->options.online = anybody_to_spare;
	t->options.max_wal = 0; /* none of it is ours */
	t->options.sense.tables = "{}";
	t->options.sense.others_own = no_matter_of_files;
	t->options.sense.n_others_own = ARRAY_LEN(no_matter_of_files);
	t->options.sense.here = true;
	closed = closed || !site_answers(a);
	setup.throttle = (struct throttle_setup){ .options = closed ? NULL : &t->options,
						  .connect_arg = t,
						  .connect = connect_session,
						  .disconnect = keep_session,
						  .reporter = a->reporter };
	*ret = stints_open(&setup);
	return true;
}
