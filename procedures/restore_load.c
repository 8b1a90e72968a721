/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loads each dump into a new database beside the one that is in use.  A database that is not marked
 * as whole is what a kill has left: it is dropped, nobody uses it, and loaded anew.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/procedures.h"
#include "procedures/restore_content.h"
#include "procedures/restore_properties.h"
#include "procedures/restore_tool.h"

#include <stdio.h>
#include <string.h>

enum { FORCE_FROM = 130000 };

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	size_t n = 0;

	if (!restore_job_open(p, params, &j, err) || !restore_job_ask(&j, err))
		return false;
	for (size_t i = 0; i < j.n; i++)
		n += !j.databases[i].loaded && !j.databases[i].restored;
	*ret = n > 0;
	outcome_set(why, RESULT_OK, "%zu of %zu databases are to be loaded", n, j.n);
	return true;
}

static void add_option(struct strbuf *sql, const char *word, const char *value)
{
	strbuf_addf(sql, " %s ", word);
	pg_quote_name(sql, value); /* these options take a name as well as a text */
}

/* Like the one in use, where there is one: Pulp's role may be called otherwise here. */
static bool make(struct restore_job *j, const struct restore_database *d, struct err *err)
{
	AUTO_STRBUF struct strbuf drop = { 0 }, create = { 0 };
	const char *collation = d->has_live ? d->collation : d->from->collation;

	strbuf_adds(&drop, "DROP DATABASE IF EXISTS ");
	pg_quote_name(&drop, d->fresh);
	/* The pg_restore of a run that was killed may be at work on it still. */
	strbuf_adds(&drop, pg_server_version(j->db) >= FORCE_FROM ? " WITH (FORCE)" : "");
	strbuf_adds(&create, "CREATE DATABASE ");
	pg_quote_name(&create, d->fresh);
	strbuf_adds(&create, " TEMPLATE template0");
	add_option(&create, "OWNER", d->has_live ? d->owner : d->from->owner);
	add_option(&create, "ENCODING", d->from->encoding);
	add_option(&create, "LC_COLLATE", collation);
	add_option(&create, "LC_CTYPE", d->has_live ? d->ctype : collation);
	if (pg_exec(j->db, drop.data, err) && pg_exec(j->db, create.data, err))
		return true;
	if (err->code == ERR_DENIED)
		(void)err_hint(err, "Let Pulp's role make databases (ALTER ROLE ... CREATEDB), or "
				    "name another one in restore.conninfo.");
	return false;
}

static bool load(const struct probe *p, struct restore_job *j, const struct restore_database *d,
		 long jobs, struct err *err)
{
	AUTO_FREE char *dir =
		repository_backup_path(j->repository, j->manifest.id, d->from->directory);
	AUTO_FREE char *into = NULL, *parallel = xasprintf("--jobs=%ld", jobs);
	AUTO_FREE char *target = NULL;

	/* A bare name with "=" in it would be taken for a connection string. */
	if (!pg_conninfo_with("", d->fresh, &into, err))
		return false;
	target = xasprintf("--dbname=%s", into);

	const char *const words[] = { "--exit-on-error", parallel, target, dir, NULL };

	return restore_tool(p, j->server, pg_server_version(j->db), words, NULL, err) ||
	       err_wrap(err, "loading %s", d->from->name);
}

static bool mark(struct restore_job *j, const struct restore_database *d, struct err *err)
{
	AUTO_STRBUF struct strbuf sql = { 0 };

	strbuf_adds(&sql, "COMMENT ON DATABASE ");
	pg_quote_name(&sql, d->fresh);
	strbuf_addf(&sql, " IS '%s'", j->mark);
	return pg_exec(j->db, sql.data, err);
}

/*
 * A loaded database has no statistics, and Pulp's first queries would read whole tables.  Its own
 * settings come last, since they may be in the way of that.
 */
static bool complete(struct restore_job *j, const struct restore_database *d, int64_t *artifacts,
		     size_t *refused, struct outcome *out, struct err *err)
{
	AUTO_FREE char *there = NULL;
	AUTO_ROWS struct pg_rows *r = NULL;
	struct pg *db = NULL;

	if (!pg_conninfo_with(j->server, d->fresh, &there, err) ||
	    !restore_connect(there, &db, err))
		return false;
	bool ok = pg_exec(db, "ANALYZE", err);
	if (ok && strcmp(d->from->feature, "pulp") == 0) {
		ok = pg_query(db, "SELECT count(*) FROM core_artifact", NULL, 0, &r, err);
		*artifacts = ok ? pg_int(r, 0, 0) : 0;
	}
	ok = ok && restore_properties_apply(j, d, db, refused, out, err);
	pg_close(db);
	return ok;
}

/* The dump and the list of files are of one snapshot. */
static bool agrees(const struct restore_job *j, const struct restore_database *d, int64_t artifacts,
		   struct err *err)
{
	return restore_skipped(j, "pulp-content") || strcmp(d->from->feature, "pulp") != 0 ||
	       artifacts == j->manifest.artifacts.count ||
	       err_set(err, ERR_DATA, "the loaded database names %lld artifacts, the backup %lld",
		       (long long)artifacts, (long long)j->manifest.artifacts.count);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	double since = clock_monotonic();
	int64_t artifacts = 0;
	size_t refused = 0;
	char took[32];
	long jobs;

	if (!actor_lock_host(a, err) || !restore_job_open(a->look, params, &j, err) ||
	    !restore_job_guard(&j, err) || !restore_job_ask(&j, err) ||
	    !config_long(a->look->config, "restore.jobs", 1, 64, &jobs, err))
		return false;
	for (size_t i = 0; i < j.n; i++) {
		const struct restore_database *d = &j.databases[i];

		if (d->loaded || d->restored)
			continue;
		if (!make(&j, d, err) || !load(a->look, &j, d, jobs, err) ||
		    !complete(&j, d, &artifacts, &refused, out, err) ||
		    !agrees(&j, d, artifacts, err) || !mark(&j, d, err))
			return false;
		outcome_example(out, "%s is loaded as %s", d->from->name, d->fresh);
	}
	clock_in_words(clock_monotonic() - since, took, sizeof(took));
	outcome_set(out, RESULT_OK, "%zu databases are loaded, in %s", j.n, took);
	if (refused) {
		outcome_set(out, RESULT_WARNING,
			    "%zu databases are loaded, in %s; %zu of their own settings and rights "
			    "are refused by the server",
			    j.n, took, refused);
		outcome_hint(out, "Give them by hand, as a superuser; they are in databases/*.sql "
				  "of the backup.");
	}
	return true;
}

const struct procedure procedure_restore_load = {
	.label = "restore-load",
	.summary = "load the dumps into new databases beside those in use",
	.explain = "pg_restore with several processes (restore.jobs) and no error passed over, "
		   "then statistics, settings of the database itself (ALTER DATABASE ... SET) and "
		   "rights in it, then a comment of the database that says it is whole. The "
		   "databases in use are not touched.",
	.changes = "makes databases NAME_restore_ID",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.needed = needed,
	.run = run,
};
