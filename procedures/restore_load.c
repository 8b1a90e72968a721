/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loads each dump into a new database beside the one that is in use.  A database that is not marked
 * as whole is what a kill has left: it is dropped, nobody uses it, and loaded anew.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/file_progress.h"
#include "procedures/procedures.h"
#include "procedures/restore_compare.h"
#include "procedures/restore_content.h"
#include "procedures/restore_properties.h"
#include "procedures/restore_tool.h"

#include <stdio.h>
#include <string.h>

enum { FORCE_FROM = 130000, PROVIDERS_FROM = 150000, ATTEMPTS = 3 };

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
	outcome_set(why, RESULT_OK, "%zu of %zu database(s) (is|are) to be loaded", n, j.n);
	return true;
}

static void add_option(struct strbuf *sql, const char *word, const char *value)
{
	strbuf_addf(sql, " %s ", word);
	pg_quote_text(sql, value);
}

/* The server's default may be another than the one of the database. */
static void add_provider(struct strbuf *sql, int server, const char *provider, const char *locale,
			 const char *rules)
{
	char kind = provider ? *provider : 'c';

	if (server < PROVIDERS_FROM)
		return;
	strbuf_addf(sql, " LOCALE_PROVIDER %s",
		    kind == 'i'	  ? "icu"
		    : kind == 'b' ? "builtin"
				  : "libc");
	if (locale && kind != 'c')
		add_option(sql, kind == 'i' ? "ICU_LOCALE" : "BUILTIN_LOCALE", locale);
	if (rules && kind == 'i')
		add_option(sql, "ICU_RULES", rules);
}

/* Like the one in use, where there is one: Pulp's role may be called otherwise here, and its
 * locales. */
static bool describe(const struct restore_job *j, const struct restore_database *d,
		     struct strbuf *sql, struct err *err)
{
	const struct manifest_database *from = d->from;
	const char *collation = d->has_live ? d->collation : from->collation;
	const char *ctype = d->has_live ? d->ctype : from->ctype ? from->ctype : from->collation;
	const char *tablespace = d->has_live ? d->tablespace : from->tablespace;
	bool there = true;

	strbuf_adds(sql, "CREATE DATABASE ");
	pg_quote_name(sql, d->fresh);
	strbuf_adds(sql, " TEMPLATE template0 OWNER ");
	pg_quote_name(sql, d->has_live ? d->owner : from->owner);
	add_option(sql, "ENCODING", from->encoding);
	add_option(sql, "LC_COLLATE", collation);
	add_option(sql, "LC_CTYPE", ctype);
	add_provider(sql, pg_server_version(j->db), d->has_live ? d->provider : from->provider,
		     d->has_live ? d->locale : from->locale, d->has_live ? d->rules : from->rules);
	if (tablespace && !restore_tablespace_here(j, tablespace, &there, err))
		return false;
	if (tablespace && there) {
		strbuf_adds(sql, " TABLESPACE ");
		pg_quote_name(sql, tablespace);
	}
	return true;
}

/* What a run that was killed has sent last the server does all the same: the database may come
 * while this one is at work. */
static bool came_meanwhile(const struct err *err)
{
	return strcmp(err->native, "42P04") == 0 || strcmp(err->native, "23505") == 0;
}

static bool make(struct restore_job *j, const struct restore_database *d, struct err *err)
{
	AUTO_STRBUF struct strbuf drop = { 0 }, create = { 0 };

	strbuf_adds(&drop, "DROP DATABASE IF EXISTS ");
	pg_quote_name(&drop, d->fresh);
	/* The pg_restore of such a run may be at work on it still. */
	strbuf_adds(&drop, pg_server_version(j->db) >= FORCE_FROM ? " WITH (FORCE)" : "");
	if (!describe(j, d, &create, err))
		return false;
	for (int i = 0; i < ATTEMPTS; i++) {
		if (!pg_exec(j->db, drop.data, err))
			return false;
		if (pg_exec(j->db, create.data, err))
			return true;
		if (!came_meanwhile(err))
			break;
	}
	if (err->code == ERR_DENIED)
		(void)err_hint(err, "Let Pulp's role make databases (ALTER ROLE ... CREATEDB), or "
				    "name another one in restore.conninfo.");
	return false;
}

/* How large the new database is by now, of what the one was that was dumped. */
struct loading {
	struct pg *db;
	const struct restore_database *d;
	struct file_progress progress;
};

static void tick(void *arg)
{
	struct loading *l = arg;
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(l->db, "SELECT pg_database_size(oid) FROM pg_database WHERE datname = $1",
		      (struct pg_param[]){ PG_P_TEXT(l->d->fresh) }, 1, &r, &ignored) ||
	    pg_rows_count(r) == 0)
		return;
	int64_t bytes = pg_int(r, 0, 0), most = l->d->from->bytes;
	file_progress_tell(&l->progress, 0, bytes < most ? bytes : most);
}

static bool load(const struct actor *a, struct restore_job *j, const struct restore_database *d,
		 long jobs, struct err *err)
{
	AUTO_FREE char *phase = xasprintf("load of %s", d->from->name);
	struct loading loading = { .db = j->db,
				   .d = d,
				   .progress = { .reporter = a->reporter,
						 .label = procedure_restore_load.label,
						 .phase = phase,
						 .bytes = d->from->bytes,
						 .of_bytes = true } };
	AUTO_FREE char *dir =
		repository_backup_path(j->repository, j->manifest.id, d->from->directory);
	AUTO_FREE char *into = NULL, *parallel = xasprintf("--jobs=%ld", jobs);
	AUTO_FREE char *target = NULL;
	AUTO_STRBUF struct strbuf absent = { 0 };

	/* A bare name with "=" in it would be taken for a connection string. */
	if (!pg_conninfo_with("", d->fresh, &into, err) ||
	    !restore_tablespaces_absent(j, d, &absent, err))
		return false;
	target = xasprintf("--dbname=%s", into);

	const char *const words[] = { "--exit-on-error",
				      parallel,
				      target,
				      dir,
				      absent.len ? "--no-tablespaces" : NULL,
				      NULL };

	file_progress_begin(&loading.progress, 1);
	return restore_tool_watched(a->look, j->server, pg_server_version(j->db), words,
				    &(struct restore_tick){ tick, &loading }, err) ||
	       err_wrap(err, "loading %s", d->from->name);
}

/* Above what its own comment says. */
static bool mark(struct restore_job *j, const struct restore_database *d, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_STRBUF struct strbuf sql = { 0 };

	if (!pg_query(j->db,
		      "SELECT coalesce(E'\n' || shobj_description(oid, 'pg_database'), '')"
		      " FROM pg_database WHERE datname = $1",
		      (struct pg_param[]){ PG_P_TEXT(d->fresh) }, 1, &r, err))
		return false;
	AUTO_FREE char *comment = xasprintf("%s%s", j->mark, pg_text(r, 0, 0));
	strbuf_adds(&sql, "COMMENT ON DATABASE ");
	pg_quote_name(&sql, d->fresh);
	strbuf_adds(&sql, " IS ");
	pg_quote_text(&sql, comment);
	return pg_exec(j->db, sql.data, err);
}

/* The dump and the list of files are of one snapshot.  Later nobody could tell: Pulp goes on with
 * what it was doing then, a cleanup among it. */
static bool agrees(const struct restore_job *j, const struct restore_database *d, struct pg *db,
		   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (restore_skipped(j, "pulp-content") || strcmp(d->from->feature, "pulp") != 0)
		return true;
	if (!pg_query(db, "SELECT count(*) FROM core_artifact", NULL, 0, &r, err))
		return false;
	if (pg_int(r, 0, 0) != j->manifest.artifacts.count)
		return err_set(err, ERR_DATA,
			       "the loaded database names %lld artifact(s), the backup %lld",
			       (long long)pg_int(r, 0, 0), (long long)j->manifest.artifacts.count);
	return restore_compare_rows(j, db, err);
}

/*
 * A loaded database has no statistics, and Pulp's first queries would read whole tables.  Its own
 * settings come last, since they may be in the way of that.
 */
static bool complete(struct restore_job *j, const struct restore_database *d, size_t *refused,
		     struct outcome *out, struct err *err)
{
	AUTO_FREE char *there = NULL;
	struct pg *db = NULL;

	if (!pg_conninfo_with(j->server, d->fresh, &there, err) ||
	    !restore_connect(there, &db, err))
		return false;
	bool ok = pg_exec(db, "ANALYZE", err) && agrees(j, d, db, err) &&
		  restore_properties_apply(j, d, db, refused, out, err);
	pg_close(db);
	return ok;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	double since = clock_monotonic();
	size_t refused = 0;
	char took[32];
	long jobs;

	if (!actor_lock_host(a, err) || !restore_job_open(a->look, params, &j, err) ||
	    !restore_job_guard(&j, err) || !restore_job_ask(&j, err) ||
	    !config_long(a->look->config, "restore.jobs", &jobs, err))
		return false;
	for (size_t i = 0; i < j.n; i++) {
		const struct restore_database *d = &j.databases[i];

		if (d->loaded || d->restored)
			continue;
		if (!make(&j, d, err) || !load(a, &j, d, jobs, err) ||
		    !complete(&j, d, &refused, out, err) || !mark(&j, d, err))
			return false;
		outcome_example(out, "%s is loaded as %s", d->from->name, d->fresh);
	}
	clock_in_words(clock_monotonic() - since, took, sizeof(took));
	outcome_set(out, RESULT_OK, "%zu database(s) (is|are) loaded, in %s", j.n, took);
	if (refused) {
		outcome_set(
			out, RESULT_WARNING,
			"%zu database(s) (is|are) loaded, in %s; %zu of their own settings and rights "
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
		   "then statistics, settings of the database itself (ALTER DATABASE ... SET), "
		   "rights in it and its comment, then a line above that which says it is whole: "
		   "every artifact that the backup lists has to be in it. "
		   "The databases in use are not touched.",
	.changes = "makes databases NAME_restore_ID",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.needed = needed,
	.run = run,
};
