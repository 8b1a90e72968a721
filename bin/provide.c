/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Needs are provided once, before the first step, and looked at again before each: a server that
 * was restarted has ended the session.  What is missing is remembered with its reason and answered
 * for by the step that needs it.
 */
#include "bin/provide.h"

#include "lib/batch/programs.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pulp/settings.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEED_PLACE = NEED_DB | NEED_MEDIA | NEED_REDIS | NEED_LEDGER | NEED_SETTINGS };
/* A look at a table of millions of rows takes seconds; ten minutes is a server that hangs. */
enum { LOOK_TIMEOUT_MS = 600000, RENEW_SECONDS = 60 };

static void unmet(struct provision *p, unsigned needs, const struct err *err)
{
	p->session.unmet |= needs;
	for (unsigned bit = 0; bit < NEED_COUNT; bit++)
		if (needs & 1U << bit)
			p->unmet_why[bit] = *err;
}

static void look_for_pulp(struct provision *p)
{
	struct err err;

	if (p->looked)
		return;
	p->looked = true;
	if (pulp_settings_find(p->session.config, &p->probe.place, &err))
		return;
	/* Where Pulp is belongs to the configuration, also when its file is missing or closed to
	 * us. */
	if (err.code == ERR_NOT_FOUND || err.code == ERR_DENIED)
		err.code = ERR_CONFIG;
	unmet(p, NEED_PLACE, &err);
}

/* What a procedure asks while it acts is none of a look. */
static bool hears(void *arg)
{
	struct provision *p = arg;

	return p->session.looking && listener_hears(&p->listener);
}

bool provision_hold(struct session *s, const char *label)
{
	return listener_hold(&((struct provision *)s)->listener, label);
}

static bool meet_db(struct provision *p, struct err *err)
{
	AUTO_FREE char *name = xasprintf("plmaint:%.8s:look", p->session.run_id);
	const struct pg_options o = { .conninfo = p->probe.place.conninfo,
				      .application_name = name,
				      .read_only = true,
				      .statement_timeout_ms = p->session.look_timeout_ms
								      ? p->session.look_timeout_ms
								      : LOOK_TIMEOUT_MS };

	if (p->probe.db)
		return true;
	if (!pg_connect(&o, &p->probe.db, err))
		return false;
	if (p->heeds)
		pg_heed(p->probe.db, hears, p);
	return true;
}

/* It was there, and is so no more: the server has ended it, or a step has. */
static bool has_lost_db(struct provision *p, struct err *why)
{
	return p->met & NEED_DB && !(p->session.unmet & NEED_DB) &&
	       (!p->probe.db || !pg_exec(p->probe.db, "SELECT 1", why));
}

/* A server that restarts is waited for, as the batches do. */
static bool renew_db(struct provision *p, struct err *err)
{
	double since = clock_monotonic();

	pg_close(p->probe.db);
	p->probe.db = NULL;
	memo_forget(p->probe.memo);
	memo_forget(p->probe.columns);
	while (!meet_db(p, err)) {
		if ((err->code != ERR_CONNECT && err->code != ERR_RETRY) ||
		    clock_monotonic() - since > RENEW_SECONDS || !stop_wait(0.25))
			return false;
	}
	return true;
}

static bool meet_media(struct provision *p, struct err *err)
{
	const struct place *at = &p->probe.place;
	struct stat st;

	if (!at->media_root) {
		(void)err_set(err, ERR_UNSUPPORTED, "Pulp keeps its artifacts in %s",
			      at->storage_class ? at->storage_class : "a place that is not known");
		return err_hint(err,
				"Set pulp.media_root when they are on a file system after all.");
	}
	if (stat(at->media_root, &st) < 0) {
		(void)err_errno(err, "Pulp's media directory '%s'", at->media_root);
		return err_hint(err, "Mount it, run on the host that has it, or set "
				     "pulp.media_root.");
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_IO, "Pulp's media '%s' is not a directory", at->media_root);
	return true;
}

static bool meet_redis(struct provision *p, struct err *err)
{
	if (!p->probe.place.cache_enabled || p->probe.place.redis_url)
		return true;
	(void)err_set(err, ERR_CONFIG,
		      "Pulp's content cache is enabled and its address is not known");
	return err_hint(err, "Set redis.url.");
}

static bool meet_root(struct provision *p, struct err *err)
{
	(void)p;
	if (geteuid() == 0)
		return true;
	(void)err_set(err, ERR_DENIED, "this needs root");
	return err_hint(err, "Run it with sudo.");
}

static bool meet_systemd(struct provision *p, struct err *err)
{
	(void)p;
	if (access("/run/systemd/system", F_OK) == 0)
		return true;
	(void)err_set(err, ERR_UNSUPPORTED, "this host is not run by systemd");
	return err_hint(err, "In a container, run it on the container's host.");
}

static const struct {
	unsigned need;
	bool (*meet)(struct provision *p, struct err *err);
} meetings[] = {
	/* The ledger lives in the database; who writes it finds out whether it may. */
	{ NEED_DB | NEED_LEDGER, meet_db }, { NEED_MEDIA, meet_media },
	{ NEED_REDIS, meet_redis },	    { NEED_ROOT, meet_root },
	{ NEED_SYSTEMD, meet_systemd },
};

void provide(struct session *s, unsigned needs, bool writes)
{
	/* The session is the first member. */
	struct provision *p = (struct provision *)s;
	unsigned open = needs & ~p->met & ~s->unmet;
	struct err why;

	s->unmet_why = p->unmet_why;
	s->probe = &p->probe;
	p->probe.config = s->config;
	p->probe.memo = &p->memo;
	p->probe.columns = &p->columns;
	p->probe.backup = &p->backup;
	if (needs & NEED_DB && has_lost_db(p, &why) && !renew_db(p, &why))
		unmet(p, NEED_DB | NEED_LEDGER, &why);
	if (open & NEED_PLACE)
		look_for_pulp(p);
	p->listener.conninfo = p->probe.place.conninfo;
	for (size_t i = 0; i < ARRAY_LEN(meetings); i++) {
		unsigned mine = meetings[i].need & open & ~s->unmet;

		if (mine && !meetings[i].meet(p, &why))
			unmet(p, meetings[i].need, &why);
	}
	p->met |= open & ~s->unmet;
	if (writes && !s->actor) {
		p->actor = (struct actor){ .look = &p->probe,
					   .reporter = s->reporter,
					   .run_id = s->run_id,
					   .command = p->command,
					   .spares = spares_new(),
					   .look_db = &p->probe.db,
					   .listener = p->heeds ? &p->listener : NULL,
					   .verbose = s->verbose,
					   .begun = p->begun,
					   .begun_arg = p->begun_arg,
					   .began = clock_wall(),
					   .began_monotonic = clock_monotonic() };
		s->actor = &p->actor;
	}
}

void provision_tell_end(struct provision *p, int status)
{
	struct pg *db = NULL;
	struct err ignored;

	/* A server that is gone is not waited for. */
	if (!p->listener.joins || !p->session.actor || !p->probe.db || !pg_alive(p->probe.db))
		return;
	if (actor_connect(p->session.actor, "control", &db, &ignored))
		(void)!program_end(db, p->session.run_id, status, &ignored);
	pg_close(db);
}

void provision_release(struct provision *p)
{
	listener_rest(&p->listener);
	memo_forget(&p->memo);
	memo_forget(&p->columns);
	memo_forget(&p->backup);
	pg_close(p->probe.db);
	spares_release(p->actor.spares);
	place_release(&p->probe.place);
	lock_release(p->actor.lock);
	free(p->command);
}
