/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The databases of a site, each with a session whose snapshot others can see. */
#pragma once
#include "procedures/backup_job.h"

enum { MOST_DATABASES = 3 };
struct dump_source {
	const char *feature; /* static */
	char *conninfo;
	struct pg *db;	/* in a transaction of one snapshot, while it is held */
	char *snapshot; /* its name */
};
struct dump_sources {
	struct dump_source all[MOST_DATABASES];
	size_t n;
	double span; /* seconds between the first snapshot and the last */
};
/* Where the database of a feature is on this host; NULL: it is not here.  Caller frees. */
bool database_conninfo(const struct probe *p, const char *feature, char **ret,
		       struct err *err) MUST_CHECK;
/* Pulp's, and those of Foreman and Candlepin where they are; on failure those before the one that
 * it is about.  To be released in either case. */
bool dump_sources_find(const struct probe *p, struct dump_sources *ret, struct err *err) MUST_CHECK;
void dump_sources_release(struct dump_sources *s);
#define AUTO_SOURCES __attribute__((cleanup(dump_sources_release)))
/* Whether it can be dumped: it answers, there are programs for its version, and this role may read
 * all of it.  Its size is added to *bytes. */
bool dump_source_ready(const struct probe *p, struct dump_source *s, int64_t *bytes,
		       struct err *err) MUST_CHECK;
/* Whether the repository has room for the dumps of databases of so many bytes. */
bool dumps_room(const struct backup_job *j, int64_t bytes, struct err *err) MUST_CHECK;
/* A snapshot of each, one right after the other. */
bool dump_sources_freeze(struct dump_sources *s, struct err *err) MUST_CHECK;
void dump_sources_thaw(struct dump_sources *s);
/*
 * What CREATE DATABASE is told, of pg_database as d, five columns: ctype, and where it is not the
 * default provider, locale, rules, tablespace.  Releases of PostgreSQL differ in their columns.
 */
#define DATABASE_MADE_WITH                                                        \
	"datctype, to_jsonb(d) ->> 'datlocprovider',"                             \
	" coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')," \
	" to_jsonb(d) ->> 'daticurules', (SELECT spcname FROM pg_tablespace t"    \
	" WHERE t.oid = d.dattablespace AND spcname <> 'pg_default')"
/* What the manifest says of a frozen one. */
bool dump_source_describe(const struct dump_source *s, struct manifest_database *ret,
			  struct err *err) MUST_CHECK;
/* Chunks of large tables with rows in them, and those that an earlier backup had. */
struct dump_tally {
	int64_t chunks, taken;
	int64_t bytes, taken_bytes; /* compressed */
};
/* A dump of a frozen one into the backup; to says where.  Large tables are read from now on, while
 * the caller does something else. */
struct dump;
bool dump_begin(struct actor *a, const struct backup_job *j, const struct dump_source *s,
		const struct manifest_database *to, const struct backup_params *p,
		struct dump **ret, struct err *err) MUST_CHECK;
/* Bytes of large tables that are written. */
int64_t dump_bytes(const struct dump *d);
/* The rest of it.  *tally is added to.  d is gone in either case. */
bool dump_end(struct dump *d, struct dump_tally *tally, struct err *err) MUST_CHECK;
/* Gives it up and removes what it has written.  d is gone in either case. */
bool dump_undo(struct dump *d, struct err *err) MUST_CHECK;
void dump_auto_abandon(struct dump **d);
#define AUTO_DUMP __attribute__((cleanup(dump_auto_abandon)))
/* What the dump leaves out, beside it: settings of the database and rights in it. */
bool dump_properties(const struct backup_job *j, const struct dump_source *s,
		     const struct manifest_database *d, struct err *err) MUST_CHECK;
/* Roles and tablespaces of the server of a database whose dump has begun. */
bool dump_globals(struct dump *d, struct err *err) MUST_CHECK;
