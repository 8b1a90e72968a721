/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Capability by type.  A check receives a const struct probe *: a PostgreSQL session opened read
 * only and read-only Redis verbs.  A procedure receives a struct actor.  A check that repairs does
 * not compile, since nothing that writes takes a probe.
 */
#pragma once
#include "lib/core/config.h"
#include "lib/core/event.h"
#include "lib/core/lock.h"
#include "lib/drivers/pg.h"

/* Where Pulp is, found by lib/pulp/settings and filled by bin/provide.c.  Owned by the probe. */
struct place {
	char *conninfo;	       /* libpq connection string, never logged: may hold a password */
	char *conninfo_source; /* "database.pulp.conninfo", "/etc/pulp/settings.py", ... */
	char *settings_source; /* Pulp's settings file, or NULL: none was read, so a cache may be
				  unknown */
	char *settings_inside; /* the same file by the name that it has in Pulp's container, or
				  NULL: in none */
	char *media_root;      /* absolute path, or NULL when storage is not a file system */
	char *storage_class; /* Pulp's storage backend as its settings name it, or NULL: file system
			      */
	char *redis_url;     /* NULL: no cache */
	char *encryption_key; /* file of the key of encrypted columns, or NULL: not known */
	bool cache_enabled;
	int domain_enabled; /* 1, 0, or -1 unknown */
	double api_ttl, content_ttl,
		worker_ttl; /* seconds; heartbeat generations before core_appstatus */
};

/*
 * Facts that are found out once and serve several steps.  Opaque here; whoever changes what they
 * are about forgets them.
 */
struct memo {
	void *value;
	void (*release)(void *value);
};
void memo_forget(struct memo *m);

struct probe {
	const struct config *config;
	struct memo *memo;    /* borrowed */
	struct memo *columns; /* borrowed: what lib/pulp/columns.h found out */
	struct memo *backup;  /* borrowed: the backup that the steps of a run make together */
	struct place place;
	struct pg *db; /* read only by session (default_transaction_read_only=on), statement
			  timeout; NULL unless NEED_DB */
};

struct spares;
struct listener; /* lib/batch/listener.h */

struct actor {
	const struct probe *look;
	const struct reporter *reporter;
	const char *run_id;  /* uuid text of this run of the program */
	const char *command; /* "pre-migrate run" */
	struct lock *
		lock; /* of this host, once somebody has taken it; released by who made the actor */
	struct spares *spares; /* sessions between two uses; made and closed by who made the actor
				*/
	struct pg **look_db;   /* the look's own session, for actor_leave_db */
	struct listener *listener; /* hears operators while a statement lasts; NULL: nobody does */
	bool verbose;
	/* Work that others can see has begun: for whoever waits for that.  May be NULL. */
	void (*begun)(void *arg);
	void *begun_arg;
	double began, began_monotonic; /* clock_wall() and clock_monotonic() when it was made */
};

/* The lock of this host, until the run ends; once more is no mistake.  ERR_LOCKED when another
 * process has it. */
bool actor_lock_host(struct actor *a, struct err *err) MUST_CHECK;
/*
 * A read-write session for a procedure; name becomes application_name "plmaint:<run>:<name>".  One
 * of that name that was kept is as good as new.  Any thread may ask.
 */
bool actor_connect(const struct actor *a, const char *name, struct pg **ret,
		   struct err *err) MUST_CHECK;
/*
 * Instead of pg_close() for a session that the next step or phase will ask for again by its name: a
 * new one has to read the catalogues that this one has read.  One that must not lie idle
 * (pg_at_rest) is closed.  NULL is fine.
 */
void actor_keep(const struct actor *a, struct pg *db);
/* Before a long wait: what is kept is closed. */
void actor_keep_none(const struct actor *a);
/* Before another program wants the database for itself: the look's session is closed, too.  The
 * next step that needs the database has a new one. */
void actor_leave_db(const struct actor *a);
struct spares *spares_new(void);
void spares_release(struct spares *s); /* NULL is fine */
