/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an actor may that a probe may not: hold this host's lock, and have sessions that write. */
#include "lib/drivers/probe.h"

#include "lib/core/log.h"
#include "lib/core/mem.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SPARES = 20 }; /* the most writers, and some */
struct spares {
	pthread_mutex_t lock;
	struct pg *db[MOST_SPARES]; /* NULL: a free place */
};

struct spares *spares_new(void)
{
	struct spares *s = xcalloc(1, sizeof(*s));

	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* One of the name, which is the caller's then; NULL: a free place.  Otherwise none is there. */
static struct pg **find(struct spares *s, const char *name)
{
	for (size_t i = 0; i < MOST_SPARES; i++)
		if (name ? s->db[i] && strcmp(pg_name(s->db[i]), name) == 0 : !s->db[i])
			return &s->db[i];
	return NULL;
}

static struct pg *take(struct spares *s, const char *name)
{
	struct err ignored;
	struct pg *db = NULL;

	pthread_mutex_lock(&s->lock);
	struct pg **at = find(s, name);
	if (at)
		db = TAKE(*at);
	pthread_mutex_unlock(&s->lock);
	if (db && !pg_renew(db, &ignored)) {
		pg_close(db);
		db = NULL;
	}
	return db;
}

void actor_keep(const struct actor *a, struct pg *db)
{
	struct pg **at = NULL;

	if (!db)
		return;
	bool at_rest = pg_at_rest(db);

	pthread_mutex_lock(&a->spares->lock);
	if (at_rest && (at = find(a->spares, NULL)) != NULL)
		*at = db;
	pthread_mutex_unlock(&a->spares->lock);
	if (!at)
		pg_close(db);
}

void actor_keep_none(const struct actor *a)
{
	pthread_mutex_lock(&a->spares->lock);
	for (size_t i = 0; i < MOST_SPARES; i++)
		pg_close(TAKE(a->spares->db[i]));
	pthread_mutex_unlock(&a->spares->lock);
}

void actor_leave_db(const struct actor *a)
{
	actor_keep_none(a);
	pg_close(TAKE(*a->look_db));
}

void spares_release(struct spares *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < MOST_SPARES; i++)
		pg_close(s->db[i]);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

bool actor_lock_host(struct actor *a, struct err *err)
{
	struct lock_owner left;
	char text[256];

	if (a->lock)
		return true;
	if (!lock_take(config_get(a->look->config, "general.state_dir"), a->command, &a->lock,
		       &left, err))
		return false;
	if (left.pid) {
		lock_explain(LOCK_STALE_TEXT, &left, text, sizeof(text));
		log_warning("took over a lock that was left behind: %s", text);
	}
	return true;
}

bool actor_connect(const struct actor *a, const char *name, struct pg **ret, struct err *err)
{
	/* PostgreSQL keeps 63 bytes of it: 8 of the uuid tell runs apart. */
	AUTO_FREE char *full = xasprintf("plmaint:%.8s:%s", a->run_id, name);
	const struct pg_options o = { .conninfo = a->look->place.conninfo,
				      .application_name = full };

	return (*ret = take(a->spares, full)) != NULL || pg_connect(&o, ret, err);
}

void memo_forget(struct memo *m)
{
	if (m->value)
		m->release(m->value);
	m->value = NULL;
}
