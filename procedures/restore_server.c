/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server can take the databases: its version, rights, roles, and what is there already. */
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/backup_databases.h"
#include "procedures/procedures.h"
#include "procedures/restore_properties.h"
#include "procedures/restore_tool.h"

#include <string.h>

struct looking {
	const struct probe *probe;
	struct restore_job *job;
	struct outcome *out;
	size_t bad;
	size_t told; /* what is otherwise here, and in nobody's way */
};

#define BAD(l, ...)                                     \
	do {                                            \
		(l)->bad++;                             \
		outcome_example((l)->out, __VA_ARGS__); \
	} while (0)

static bool may_make(struct looking *l, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(l->job->db,
		      "SELECT rolsuper OR rolcreatedb, rolname FROM pg_roles"
		      " WHERE rolname = current_user",
		      NULL, 0, &r, err))
		return false;
	if (pg_rows_count(r) && !pg_bool(r, 0, 0))
		BAD(l,
		    "the role %s may not make databases: ALTER ROLE ... CREATEDB, or set "
		    "restore.conninfo",
		    pg_text(r, 0, 1));
	return true;
}

static bool exists(struct looking *l, const char *sql, const char *name, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(l->job->db, sql, (struct pg_param[]){ PG_P_TEXT(name) }, 1, &r, err))
		return false;
	*ret = pg_rows_count(r) > 0;
	return true;
}

/* An entry is "ID; OID OID KIND SCHEMA NAME OWNER"; the owner is its last word, or nothing. */
static bool look_at_owners(struct looking *l, const struct restore_database *d, struct err *err)
{
	AUTO_FREE char *dir =
		repository_backup_path(l->job->repository, l->job->manifest.id, d->from->directory);
	const char *const words[] = { "--list", dir, NULL };
	AUTO_STRBUF struct strbuf listed = { 0 }, seen = { 0 };
	struct err unread;
	char *rest = NULL;

	/* What pg_restore cannot read is told by restore-dumps. */
	if (!restore_tool(l->probe, l->job->server, d->from->server_version, words, &listed,
			  &unread) ||
	    !listed.len)
		return true;
	for (char *line = strtok_r(listed.data, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *owner = strrchr(line, ' ');
		AUTO_FREE char *mark = xasprintf("\n%s\n", owner ? owner + 1 : "");
		bool there = true;

		if (line[0] == ';' || !owner || !owner[1] || (seen.data && strstr(seen.data, mark)))
			continue;
		strbuf_adds(&seen, mark);
		if (!exists(l, "SELECT FROM pg_roles WHERE rolname = $1", owner + 1, &there, err))
			return false;
		if (!there)
			BAD(l, "the role %s, which owns a part of %s, is not there", owner + 1,
			    d->from->name);
	}
	return true;
}

struct role_look {
	struct looking *l;
	const char *database;
};

static bool look_at_role(void *arg, const char *role, struct err *err)
{
	const struct role_look *k = arg;
	bool there;

	if (!exists(k->l, "SELECT FROM pg_roles WHERE rolname = $1", role, &there, err))
		return false;
	if (!there)
		BAD(k->l, "the role %s, which has rights or settings in %s, is not there", role,
		    k->database);
	return true;
}

/* Whom the dump and what belongs to the database itself name. */
static bool look_at_roles(struct looking *l, const struct restore_database *d, struct err *err)
{
	struct role_look k = { l, d->from->name };

	return look_at_owners(l, d, err) &&
	       restore_properties_named(l->job, d, "role", look_at_role, &k, err);
}

/* Of whoever makes the database and loads it; superusers may use all of them. */
static bool look_at_right(void *arg, const char *tablespace, struct err *err)
{
	struct looking *l = arg;
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(l->job->db,
		      "SELECT current_user FROM pg_tablespace WHERE spcname = $1"
		      " AND NOT has_tablespace_privilege(oid, 'CREATE')",
		      (struct pg_param[]){ PG_P_TEXT(tablespace) }, 1, &r, err))
		return false;
	if (pg_rows_count(r))
		BAD(l,
		    "the role %s may not use the tablespace %s: GRANT CREATE ON TABLESPACE, or "
		    "set restore.conninfo",
		    pg_text(r, 0, 0), tablespace);
	return true;
}

static bool look_at_tablespaces(struct looking *l, const struct restore_database *d,
				struct err *err)
{
	const char *own = d->has_live ? d->tablespace : d->from->tablespace;
	AUTO_STRBUF struct strbuf absent = { 0 };

	if ((own && !look_at_right(l, own, err)) ||
	    !restore_tablespaces_absent(l->job, d, &absent, err))
		return false;
	if (!absent.len)
		return restore_properties_named(l->job, d, "tablespace", look_at_right, l, err);
	l->told++;
	outcome_example(l->out,
			"%s has parts in tablespaces that are not here: %s; all of it is loaded "
			"into the default one",
			d->from->name, absent.data);
	return true;
}

/* "" where the server does not say. */
static char *identity(struct pg *db)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(db, "SELECT system_identifier FROM pg_control_system()", NULL, 0, &r,
		      &ignored))
		return xstrdup("");
	return xstrdup(pg_text(r, 0, 0));
}

/* All databases are made by one session: what a feature uses elsewhere would be loaded here and
 * never be used.  A server that does not answer cannot be compared. */
static void look_at_place(struct looking *l, const struct restore_database *d)
{
	AUTO_FREE char *conninfo = NULL;
	AUTO_FREE char *there = NULL;
	struct pg *db = NULL;
	struct err ignored;

	if (!database_conninfo(l->probe, d->from->feature, &conninfo, &ignored) || !conninfo ||
	    !pg_conninfo_with(conninfo, "postgres", &there, &ignored) ||
	    !pg_connect(&(struct pg_options){ .conninfo = there,
					      .application_name = "plmaint:restore",
					      .read_only = true },
			&db, &ignored))
		return;
	AUTO_FREE char *own = identity(l->job->db);
	AUTO_FREE char *other = identity(db);
	pg_close(db);
	if (*own && *other && strcmp(own, other) != 0)
		BAD(l, "the database of %s is on another server than the one restored to",
		    d->from->feature);
}

static bool look_at_one(struct looking *l, const struct restore_database *d, struct err *err)
{
	int here = pg_server_version(l->job->db) / 10000;
	bool there = true;

	look_at_place(l, d);
	if (d->from->server_version / 10000 > here)
		BAD(l, "%s is of PostgreSQL %ld, the server is %d", d->from->name,
		    d->from->server_version / 10000, here);
	if (d->has_old && !d->restored)
		BAD(l, "a database %s is there already", d->old);
	if (d->has_live || !d->from->collation)
		return look_at_roles(l, d, err);
	if (!exists(l,
		    "SELECT FROM pg_collation WHERE collcollate = $1 OR collname = $1"
		    " UNION SELECT FROM pg_database WHERE datcollate = $1",
		    d->from->collation, &there, err))
		return false;
	if (!there)
		BAD(l, "the server does not know the collation %s of %s", d->from->collation,
		    d->from->name);
	return look_at_roles(l, d, err);
}

/* Another restore that is neither finished nor taken back holds the names. */
static bool look_at_others(struct looking *l, struct err *err)
{
	AUTO_LEFTS struct restore_lefts lefts = { .n = 0 };

	if (!restore_left_find(l->job->db, &lefts, err))
		return false;
	for (size_t i = 0; i < lefts.n; i++) {
		const struct restore_left *one = &lefts.all[i];

		for (size_t k = 0; k < l->job->n; k++)
			if (strcmp(one->live, l->job->databases[k].live) == 0 &&
			    strcmp(one->id, l->job->manifest.id) != 0)
				BAD(l,
				    "the restore of %s from %s is not finished: `plmaint "
				    "restore finish` or `restore revert` first",
				    one->live, one->id);
	}
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct looking l = { .probe = a->look, .job = &j, .out = out };

	if (!restore_job_open(a->look, params, &j, err) || !restore_job_ask(&j, err) ||
	    !may_make(&l, err) || !look_at_others(&l, err))
		return false;
	for (size_t i = 0; i < j.n; i++)
		if (!look_at_one(&l, &j.databases[i], err) ||
		    !look_at_tablespaces(&l, &j.databases[i], err))
			return false;
	if (l.bad)
		outcome_set(out, RESULT_FINDING, "the server cannot take this backup");
	else
		outcome_set(out, l.told ? RESULT_WARNING : RESULT_OK,
			    "PostgreSQL %d takes %zu database(s)", pg_server_version(j.db) / 10000,
			    j.n);
	return true;
}

const struct procedure procedure_restore_server = {
	.label = "restore-server",
	.summary = "the database server can take the backup",
	.explain = "It is not older than the one that was backed up, knows the collation and every "
		   "owner that the dumps name, lets this role make databases in their "
		   "tablespaces, and no earlier restore waits to be finished.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
