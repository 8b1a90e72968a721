/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the steps of a restore share: the backup, and the databases of the server that it goes to.
 * A database is loaded under a name of its own, NAME_restore_ID; when the names are swapped the old
 * one becomes NAME_before_ID.  A comment of the database says that it was loaded whole, and goes
 * with it through the swap: the server itself knows how far a restore is, also after a kill.
 */
#pragma once
#include "lib/core/step.h"
#include "lib/drivers/probe.h"
#include "lib/store/manifest.h"

struct restore_params {
	char *dir, *id; /* of the repository and the backup; NULL id: the newest that is whole */
};
/* at: what stands before the members in type, as "backup." */
#define RESTORE_PARAMS_ROWS(type, at)                                                         \
	{ .name = "dir",                                                                      \
	  .kind = OPT_TEXT,                                                                   \
	  .offset = offsetof(type, at dir),                                                   \
	  .arg = "DIR",                                                                       \
	  .help = "directory of the backups" },                                               \
	{                                                                                     \
		.name = "id", .kind = OPT_TEXT, .offset = offsetof(type, at id), .arg = "ID", \
		.help = "the backup; not given: the newest that is whole"                     \
	}
extern const struct opt restore_params_table[];

struct restore_database {
	const struct manifest_database *from; /* borrowed from the manifest */
	char *live, *fresh, *old;	      /* names; owned */
	bool has_live, has_fresh, has_old;    /* on the server */
	bool loaded;			      /* fresh is whole */
	bool restored;			      /* live is what this backup holds */
	/* Of live, as the manifest has them of the backup's; NULL where there is none; owned. */
	char *owner, *encoding, *collation;
	char *ctype, *provider, *locale, *rules, *tablespace;
};
struct restore_job {
	struct repository *repository;
	struct backup_manifest manifest;
	struct restore_database *databases;
	size_t n;
	char *server;  /* connection string of the session below; may hold a password */
	struct pg *db; /* may make and rename databases; NULL before restore_job_ask */
	char mark[96]; /* the first line of the comment; below it is the database's own */
	bool restored; /* all of its databases are */
};
/* Opens the backup and names the databases.  No server is asked. */
bool restore_job_open(const struct probe *p, const void *params, struct restore_job *ret,
		      struct err *err) MUST_CHECK;
/* Connects, once, and looks at the server anew. */
bool restore_job_ask(struct restore_job *j, struct err *err) MUST_CHECK;
/* No backup and no prune works on the repository meanwhile, where that can be had at all: on a
 * medium that is read only nobody does.  ERR_LOCKED. */
bool restore_job_guard(struct restore_job *j, struct err *err) MUST_CHECK;
void restore_job_release(struct restore_job *j);
#define AUTO_RESTORE __attribute__((cleanup(restore_job_release)))

/* The newest backup that is whole; ERR_NOT_FOUND. */
bool restore_newest(const struct repository *r, char ret[BACKUP_ID_SIZE],
		    struct err *err) MUST_CHECK;
/* Where databases are made: restore.conninfo, or Pulp's own with the database postgres.  Caller
 * frees. */
bool restore_server(const struct probe *p, char **ret, struct err *err) MUST_CHECK;
/* A session there. */
bool restore_connect(const char *conninfo, struct pg **ret, struct err *err) MUST_CHECK;

/* Which of the databases of a server are left of restores, for finish and revert. */
struct restore_left {
	char *live, *fresh, *old; /* names; owned */
	char id[BACKUP_ID_SIZE];
	bool has_live, has_fresh, has_old;
	bool restored; /* live is what the restore has brought */
};
struct restore_lefts {
	struct restore_left *all;
	size_t n;
};
bool restore_left_find(struct pg *db, struct restore_lefts *ret, struct err *err) MUST_CHECK;
void restore_left_release(struct restore_lefts *l);
/* Whether a database of this name could be one. */
bool restore_left_name(const char *name);
#define AUTO_LEFTS __attribute__((cleanup(restore_left_release)))

/*
 * Renames databases, all or none, in one transaction: pairs of names, from and to, n of them.  It
 * needs them without sessions: those who are at work there are named and refused (ERR_LOCKED).
 */
bool restore_rename(struct pg *db, const char *const (*pairs)[2], size_t n,
		    struct err *err) MUST_CHECK;
