/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this Pulp database has: probed from the catalogue and django_migrations, never taken from a
 * version. */
#pragma once
#include "lib/core/err.h"
#include "lib/drivers/pg.h"

struct pulp_schema {
	int level;	    /* number of the last container migration: 38, 39, 41, 43 ... 50 */
	bool known;	    /* false: newer than this program knows */
	bool has_data;	    /* container_manifest.data (0039, 2.20) */
	bool has_type;	    /* type, architecture, os, compressed_image_size (0042/0043, 2.22) */
	bool size_is_int4;  /* compressed_image_size is integer (2.22 to 2.24.0) */
	bool has_domain;    /* _pulp_domain_id (0044, 2.24) */
	bool has_appstatus; /* core_appstatus (core 0137, 3.85) */
	bool has_old_heartbeats; /* core_worker, core_apiappstatus, core_contentappstatus (until
				    core 0144, 3.90) */
	bool has_publishedartifact, has_pullthrough;
	char owner[64];	     /* owner of container_manifest */
	char migrations[65]; /* sha256 over the names in django_migrations of core and container:
				changes when Pulp migrates */
};
/*
 * Errors, each with its hint: not Pulp's database; not UTF-8; before 0038; newer than known
 * (ERR_UNSUPPORTED unless assume_schema); a right is missing on one table (ERR_DENIED names the
 * table); the server is a read-only standby (when for_writing); a transaction pooler sits between
 * (pgbouncer: detected by session state that does not hold).
 */
bool pulp_schema_probe(struct pg *db, bool for_writing, bool assume_schema, struct pulp_schema *ret,
		       struct err *err) MUST_CHECK;

/* Whether Pulp has not migrated since *s was probed on this or another session. */
bool pulp_schema_same(struct pg *db, const struct pulp_schema *s, bool *same,
		      struct err *err) MUST_CHECK;

struct pulp_services { /* apps with a fresh heartbeat */
	int workers, api, content;
};
struct place;
bool pulp_services_online(struct pg *db, const struct pulp_schema *s, const struct place *place,
			  struct pulp_services *ret, struct err *err) MUST_CHECK;
