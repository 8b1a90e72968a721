/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two statements: the catalogue, which every database can answer, then django_migrations.  They are
 * two transactions on purpose: what the first one leaves in the session must hold in the second.
 *
 * Columns decide what is there, the level decides whether they belong together: a `migrate` that is
 * under way or was left half done shows as a level without its columns, or as a gap below it.
 */
#include "lib/pulp/schema.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include <stdio.h>
#include <string.h>

static const char catalogue_sql[] =
#include "lib/pulp/schema_catalogue.sql.h"
	;
static const char migrations_sql[] =
#include "lib/pulp/schema_migrations.sql.h"
	;

/* Columns of the catalogue statement. */
enum {
	C_DATABASE,
	C_ENCODING,
	C_RECOVERY,
	C_MISSING,
	C_RIGHTS,
	C_COLUMNS,
	C_INT4,
	C_APPSTATUS,
	C_WORKER,
	C_PUBLISHED,
	C_PULLTHROUGH,
	C_OWNER,
	C_SCHEMAS,
	C_USER,
	C_PID,
	C_HELD,
	C_READ_ONLY
};
/* Columns of the migrations statement. */
enum { M_LEVEL, M_GAPS, M_HASH, M_HELD, M_PID };

enum {
	LEVEL_OLDEST = 38, /* pulp_container 2.19: annotations, labels, is_bootable, is_flatpak */
	LEVEL_NEWEST = 50
};

/* The first level at which each column of container_manifest exists. */
static const struct {
	const char *name;
	int level;
} manifest_columns[] = {
	{ "content_ptr_id", 0 },
	{ "digest", 0 },
	{ "media_type", 0 },
	{ "config_blob_id", 0 },
	{ "annotations", 38 },
	{ "labels", 38 },
	{ "is_bootable", 38 },
	{ "is_flatpak", 38 },
	{ "data", 39 },
	{ "type", 42 },
	{ "architecture", 43 },
	{ "compressed_image_size", 43 },
	{ "os", 43 },
	{ "_pulp_domain_id", 44 },
};

static bool has_column(const char *list, const char *name)
{
	char word[72];
	snprintf(word, sizeof word, " %s ", name);
	return strstr(list, word) != NULL;
}

/* Is this Pulp's database, and may the session see it?  row is the catalogue's. */
static bool check_tables(const struct pg_rows *row, struct err *err)
{
	const char *missing = pg_text(row, 0, C_MISSING);
	const char *database = pg_text(row, 0, C_DATABASE);
	char first[72];

	if (!*missing)
		return true;
	snprintf(first, sizeof first, "%.*s", (int)strcspn(missing, " "), missing);
	if (strcmp(first, "django_migrations") == 0 && !pg_is_null(row, 0, C_SCHEMAS)) {
		err_set(err, ERR_DENIED,
			"role %s does not see the tables of database \"%s\", which are in schema %s",
			pg_text(row, 0, C_USER), database, pg_text(row, 0, C_SCHEMAS));
		return err_hint(
			err,
			"Connect as Pulp's own role, or grant USAGE on that schema and put it into the "
			"role's search_path.");
	}
	err_set(err, ERR_CONFIG,
		"database \"%s\" is not that of a Pulp with containers: it has no table %s",
		database, first);
	if (strncmp(first, "container_", 10) == 0)
		return err_hint(
			err,
			"This Pulp lacks the plugin pulp_container; install it and run `pulpcore-manager "
			"migrate`, or name another database in database.pulp.conninfo.");
	return err_hint(err,
			"Name Pulp's database in database.pulp.conninfo; its own settings call it "
			"DATABASES[\"default\"][\"NAME\"].");
}

static bool check_server(const struct pg_rows *row, bool for_writing, struct err *err)
{
	const char *database = pg_text(row, 0, C_DATABASE);

	if (strcmp(pg_text(row, 0, C_ENCODING), "UTF8") != 0) {
		err_set(err, ERR_UNSUPPORTED, "database \"%s\" is encoded in %s, not in UTF8",
			database, pg_text(row, 0, C_ENCODING));
		return err_hint(
			err,
			"Pulp needs UTF8: dump the database, create it anew with ENCODING 'UTF8' and "
			"restore it.");
	}
	if (!for_writing)
		return true;
	if (pg_bool(row, 0, C_RECOVERY)) {
		err_set(err, ERR_CONFIG,
			"the server of database \"%s\" is a standby, which is read only", database);
		return err_hint(
			err,
			"Connect to the primary: name it in database.pulp.conninfo, or list all hosts "
			"there with target_session_attrs=read-write.");
	}
	if (!pg_is_null(row, 0, C_READ_ONLY)) {
		bool by_role = strcmp(pg_text(row, 0, C_READ_ONLY), "role") == 0;
		err_set(err, ERR_DENIED, "database \"%s\" is set to read only for its %s", database,
			by_role ? "role" : "sessions");
		return err_hint(
			err,
			"Ask who set it; ALTER %s \"%.60s\" RESET default_transaction_read_only takes "
			"it back.",
			by_role ? "ROLE" : "DATABASE",
			by_role ? pg_text(row, 0, C_USER) : database);
	}
	return true;
}

static bool check_rights(const struct pg_rows *row, struct err *err)
{
	const char *rights = pg_text(row, 0, C_RIGHTS);

	if (!*rights)
		return true;
	err_set(err, ERR_DENIED, "role %s lacks rights in database \"%s\": %.300s",
		pg_text(row, 0, C_USER), pg_text(row, 0, C_DATABASE), rights);
	return err_hint(
		err,
		"Connect as %s, the owner of Pulp's tables, or let the owner run: GRANT %.*s TO %s.",
		pg_is_null(row, 0, C_OWNER) ? "Pulp's role" : pg_text(row, 0, C_OWNER),
		(int)strcspn(rights, ","), rights, pg_text(row, 0, C_USER));
}

/*
 * A pooler answers the start of a connection itself and invents the backend's number, so the number
 * of the protocol and that of the server differ, in whatever mode it runs; the session's state is
 * looked at too, for poolers that pass the number on.  All are refused: what mode a pooler runs in
 * cannot be seen from one connection, and a lease held by a session that is not ours would be no
 * lease.
 */
static bool check_pooler(struct pg *db, const struct pg_rows *first, const struct pg_rows *second,
			 const char *held, struct err *err)
{
	int promised = pg_backend_pid(db);
	long pid = (long)pg_int(first, 0, C_PID);

	if (pid == promised && pid == (long)pg_int(second, 0, M_PID) &&
	    strcmp(held, pg_text(second, 0, M_HELD)) == 0)
		return true;
	err_set(err, ERR_CONFIG,
		"a connection pooler stands before the server: the session was promised backend %d and got %ld, then %ld",
		promised, pid, (long)pg_int(second, 0, M_PID));
	return err_hint(
		err,
		"Name the server itself in database.pulp.conninfo (pgbouncer usually listens on 6432, "
		"PostgreSQL on 5432): leases and LISTEN need a session of their own.");
}

static bool check_level(const struct pg_rows *catalogue, const struct pg_rows *migrations,
			bool assume_schema, int *ret, struct err *err)
{
	int level = (int)pg_int(migrations, 0, M_LEVEL);
	const char *columns = pg_text(catalogue, 0, C_COLUMNS);

	if (level < LEVEL_OLDEST) {
		err_set(err, ERR_UNSUPPORTED,
			"pulp_container is at migration %04d, before %04d (2.19)", level,
			LEVEL_OLDEST);
		return err_hint(
			err,
			"Upgrade pulp_container to 2.19 or later first; before that there are no columns "
			"to fill.");
	}
	if (!pg_is_null(migrations, 0, M_GAPS)) {
		err_set(err, ERR_UNSUPPORTED, "pulp_container is at migration %04d without %.200s",
			level, pg_text(migrations, 0, M_GAPS));
		return err_hint(
			err,
			"A migrate of Pulp is under way or was left half done: wait for it, or finish it "
			"with `pulpcore-manager migrate`.");
	}
	if (level > LEVEL_NEWEST && !assume_schema) {
		err_set(err, ERR_UNSUPPORTED,
			"pulp_container is at migration %04d; this release knows %04d to %04d",
			level, LEVEL_OLDEST, LEVEL_NEWEST);
		return err_hint(
			err,
			"Use a newer plmaint, or say --assume-schema to go by the names of the columns.");
	}
	for (size_t i = 0; i < ARRAY_LEN(manifest_columns); i++) {
		if (level < manifest_columns[i].level ||
		    has_column(columns, manifest_columns[i].name))
			continue;
		err_set(err, ERR_UNSUPPORTED,
			"pulp_container is at migration %04d, but container_manifest has no column %s",
			level, manifest_columns[i].name);
		return err_hint(
			err, level > LEVEL_NEWEST
				     ? "This Pulp is newer than what plmaint knows; use a newer "
				       "plmaint."
				     : "A migrate of Pulp is under way or was left half done: wait "
				       "for it, or finish it with `pulpcore-manager migrate`.");
	}
	*ret = level;
	return true;
}

bool pulp_schema_probe(struct pg *db, bool for_writing, bool assume_schema, struct pulp_schema *ret,
		       struct err *err)
{
	struct pg_rows *first AUTO_ROWS = NULL, *second AUTO_ROWS = NULL;
	char held[64];
	int level = 0;

	snprintf(held, sizeof held, "%d.%.9f", pg_backend_pid(db), clock_monotonic());
	const struct pg_param params[] = { PG_P_TEXT(held), PG_P_TEXT(for_writing ? "t" : "f") };
	if (!pg_query(db, catalogue_sql, params, ARRAY_LEN(params), &first, err))
		return err_wrap(err, "while probing Pulp's tables");
	if (!check_tables(first, err) || !check_server(first, for_writing, err) ||
	    !check_rights(first, err))
		return false;
	if (!pg_query(db, migrations_sql, NULL, 0, &second, err))
		return err_wrap(err, "while reading django_migrations");
	if (!check_pooler(db, first, second, held, err) ||
	    !check_level(first, second, assume_schema, &level, err))
		return false;

	const char *columns = pg_text(first, 0, C_COLUMNS);
	*ret = (struct pulp_schema){
		.level = level,
		.known = level <= LEVEL_NEWEST,
		.has_data = has_column(columns, "data"),
		.has_type = has_column(columns, "type") && has_column(columns, "architecture") &&
			    has_column(columns, "os") &&
			    has_column(columns, "compressed_image_size"),
		.size_is_int4 = pg_bool(first, 0, C_INT4),
		.has_domain = has_column(columns, "_pulp_domain_id"),
		.has_appstatus = pg_bool(first, 0, C_APPSTATUS),
		.has_old_heartbeats = pg_bool(first, 0, C_WORKER),
		.has_publishedartifact = pg_bool(first, 0, C_PUBLISHED),
		.has_pullthrough = pg_bool(first, 0, C_PULLTHROUGH),
	};
	snprintf(ret->owner, sizeof ret->owner, "%s", pg_text(first, 0, C_OWNER));
	snprintf(ret->migrations, sizeof ret->migrations, "%s", pg_text(second, 0, M_HASH));
	return true;
}

bool pulp_schema_same(struct pg *db, const struct pulp_schema *s, bool *same, struct err *err)
{
	struct pg_rows *rows AUTO_ROWS = NULL;

	if (!pg_query(db, migrations_sql, NULL, 0, &rows, err))
		return err_wrap(err, "while reading django_migrations");
	*same = strcmp(pg_text(rows, 0, M_HASH), s->migrations) == 0;
	return true;
}

/* Until core 0144 the time to live of a heartbeat is a setting and not a column. */
static bool old_heartbeats(struct pg *db, const struct place *place, struct pulp_services *ret,
			   struct err *err)
{
	struct pg_rows *rows AUTO_ROWS = NULL;
	char api[32], content[32], worker[32];

	snprintf(api, sizeof api, "%.3f", place && place->api_ttl > 0 ? place->api_ttl : 120.0);
	snprintf(content, sizeof content, "%.3f",
		 place && place->content_ttl > 0 ? place->content_ttl : 30.0);
	snprintf(worker, sizeof worker, "%.3f",
		 place && place->worker_ttl > 0 ? place->worker_ttl : 30.0);
	const struct pg_param ttl[] = { PG_P_TEXT(api), PG_P_TEXT(content), PG_P_TEXT(worker) };
	if (!pg_query(db,
		      "SELECT (SELECT count(*) FROM core_apiappstatus"
		      "         WHERE last_heartbeat >= now() - $1::float8 * interval '1 s'),"
		      "       (SELECT count(*) FROM core_contentappstatus"
		      "         WHERE last_heartbeat >= now() - $2::float8 * interval '1 s'),"
		      "       (SELECT count(*) FROM core_worker"
		      "         WHERE last_heartbeat >= now() - $3::float8 * interval '1 s')",
		      ttl, ARRAY_LEN(ttl), &rows, err))
		return err_wrap(err, "while reading the heartbeats of Pulp's services");
	*ret = (struct pulp_services){ .api = (int)pg_int(rows, 0, 0),
				       .content = (int)pg_int(rows, 0, 1),
				       .workers = (int)pg_int(rows, 0, 2) };
	return true;
}

bool pulp_services_online(struct pg *db, const struct pulp_schema *s, const struct place *place,
			  struct pulp_services *ret, struct err *err)
{
	struct pg_rows *rows AUTO_ROWS = NULL;

	if (!s->has_appstatus) {
		if (s->has_old_heartbeats)
			return old_heartbeats(db, place, ret, err);
		err_set(err, ERR_UNSUPPORTED,
			"this Pulp has no table of heartbeats that plmaint knows");
		return err_hint(err, "Use a newer plmaint.");
	}
	if (!pg_query(
		    db,
		    "SELECT count(*) FILTER (WHERE app_type = 'api' AND last_heartbeat >= now() - ttl),"
		    "       count(*) FILTER (WHERE app_type = 'content' AND last_heartbeat >= now() - ttl),"
		    "       count(*) FILTER (WHERE app_type = 'worker' AND last_heartbeat >= now() - ttl),"
		    "       count(*)"
		    "  FROM core_appstatus",
		    NULL, 0, &rows, err))
		return err_wrap(err, "while reading the heartbeats of Pulp's services");
	/* pulpcore 3.85 to 3.89 has both generations; an empty new one says nothing there. */
	if (pg_int(rows, 0, 3) == 0 && s->has_old_heartbeats)
		return old_heartbeats(db, place, ret, err);
	*ret = (struct pulp_services){ .api = (int)pg_int(rows, 0, 0),
				       .content = (int)pg_int(rows, 0, 1),
				       .workers = (int)pg_int(rows, 0, 2) };
	return true;
}
