/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A backup repository: one directory that holds the bytes of all backups once, by digest, and a
 * directory for each backup.
 *
 *	plmaint-backup.json	what makes the directory a repository
 *	lock			held by whoever adds or prunes
 *	store/ab/cdef...	one file for each sha256; store/tmp holds what is being written
 *	backups/ID/		one backup; with its manifest.json it is whole, without it
 *unfinished
 *
 * ID is the second in which the backup began, UTC: 20261121T213133Z.
 */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>
#include <stdint.h>

enum { REPOSITORY_FORMAT = 1, BACKUP_ID_SIZE = 17 };

struct repository;
/*
 * Opens it.  make: a directory that is missing or empty becomes one.  Errors: ERR_NOT_FOUND,
 * ERR_UNSUPPORTED (of a newer format, or of foreman-maintain), ERR_USAGE (something else is there),
 * ERR_DATA (damaged).
 */
bool repository_open(const char *dir, bool make, struct repository **ret,
		     struct err *err) MUST_CHECK;
void repository_close(struct repository *r);		/* gives the lock back; NULL is fine */
const char *repository_dir(const struct repository *r); /* absolute */
const char *repository_id(const struct repository *r);	/* a uuid */
/* One writer at a time, on all hosts that reach the directory.  ERR_LOCKED. */
bool repository_lock(struct repository *r, struct err *err) MUST_CHECK;

bool backup_id_valid(const char *text);
double backup_id_time(const char *id); /* seconds since 1970 */

struct backup_entry {
	char id[BACKUP_ID_SIZE];
	bool whole; /* it has its manifest */
};
/* All of them, oldest first; the caller frees *ret. */
bool repository_backups(const struct repository *r, struct backup_entry **ret, size_t *ret_n,
			struct err *err) MUST_CHECK;
/*
 * Makes the directory of a new backup.  Where that second is taken, or the clock was set back, the
 * second after the newest is taken instead.
 */
bool repository_begin(struct repository *r, double now, char ret_id[BACKUP_ID_SIZE],
		      struct err *err) MUST_CHECK;
/* Removes a backup, its manifest first, so that what a kill leaves is no whole one.  Objects stay.
 */
bool repository_discard(struct repository *r, const char *id, struct err *err) MUST_CHECK;
/* "DIR/backups/ID" or "DIR/backups/ID/name"; caller frees. */
char *repository_backup_path(const struct repository *r, const char *id, const char *name);
/* Everything that was written to the file system of the repository is durable. */
bool repository_sync(const struct repository *r, struct err *err) MUST_CHECK;

/* Descriptor of DIR/store, for lib/store/object.c. */
int repository_store(const struct repository *r);
