/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest.json of a backup: what it holds, of what, and every file of it with size and digest. */
#pragma once
#include "lib/store/repository.h"

struct manifest_pair {
	char *key, *value; /* owned; key NULL ends an array */
};
struct manifest_database {
	char *feature;	 /* "pulp", "foreman", "candlepin" */
	char *name;	 /* of the database */
	char *directory; /* "databases/pulp", below the backup's */
	long server_version;
	char *encoding, *collation, *owner;
	/* As pg_database has them; NULL: the default, or not known. */
	char *ctype, *provider, *locale, *rules, *tablespace;
	int64_t bytes;
	struct manifest_pair *migrations; /* of each Django application the last; NULL: none */
	char *snapshot;
};
struct manifest_tally {
	int64_t count, bytes, new_count, new_bytes; /* new: not in the store before this backup */
};
struct manifest_file {
	char *path; /* below the backup's directory */
	int64_t size;
	char sha256[65];
};
/* All texts and arrays are owned; lists end with NULL. */
struct backup_manifest {
	char *id, *plmaint, *kind, *host;
	char **interfaces;
	char *started, *ended; /* RFC 3339 */
	double span_seconds;   /* between the snapshots of the first and the last database */
	/* How many were taken, until one named nothing that was gone by then; 0: not known. */
	long snapshots;
	struct manifest_database *databases;
	size_t n_databases;
	struct manifest_pair *versions;
	struct manifest_pair *domains; /* of Pulp, but the default one: id, name; may be NULL */
	struct manifest_tally artifacts, media;
	char **features, **skipped;
	char *encryption; /* "age", "gpg" or NULL */
	/* Where its host had the key of Pulp's encrypted columns; NULL: not known. */
	char *encryption_key;
	struct manifest_file *files;
	size_t n_files;
};
/* Errors: ERR_NOT_FOUND (unfinished, or no such backup), ERR_UNSUPPORTED (newer), ERR_DATA. */
bool backup_manifest_read(const struct repository *r, const char *id, struct backup_manifest *ret,
			  struct err *err) MUST_CHECK;
/* Puts it in place by rename, durably: from then on the backup is whole. */
bool backup_manifest_write(const struct repository *r, const struct backup_manifest *m,
			   struct err *err) MUST_CHECK;
/* NULL: it has no such file.  Borrowed. */
const struct manifest_file *backup_manifest_file(const struct backup_manifest *m, const char *path);
void backup_manifest_release(struct backup_manifest *m);
/* The databases are taken out of it. */
void backup_manifest_drop_databases(struct backup_manifest *m);
#define AUTO_BACKUP_MANIFEST __attribute__((cleanup(backup_manifest_release)))
