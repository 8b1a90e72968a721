/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PostgreSQL's own programs at work on snapshots that our sessions hold. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/pg_tools.h"
#include "lib/drivers/process.h"
#include "lib/host/database_settings.h"
#include "procedures/backup_chunks.h"
#include "procedures/file_progress.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const features[] = { "pulp", "foreman", "candlepin" };

bool database_conninfo(const struct probe *p, const char *feature, char **ret, struct err *err)
{
	if (strcmp(feature, "foreman") == 0 || strcmp(feature, "candlepin") == 0)
		return database_settings_find(p->config, feature, ret, err);
	bool known = strcmp(feature, "pulp") == 0 && p->place.conninfo;
	*ret = known ? xstrdup(p->place.conninfo) : NULL;
	return true;
}

bool dump_sources_find(const struct probe *p, struct dump_sources *ret, struct err *err)
{
	*ret = (struct dump_sources){ .n = 0 };
	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		char *conninfo;

		if (!database_conninfo(p, features[i], &conninfo, err))
			return false;
		if (conninfo)
			ret->all[ret->n++] = (struct dump_source){ .feature = features[i],
								   .conninfo = conninfo };
	}
	return true;
}

void dump_sources_release(struct dump_sources *s)
{
	dump_sources_thaw(s);
	for (size_t i = 0; i < s->n; i++)
		free(s->all[i].conninfo);
	s->n = 0;
}

static bool connect_source(struct dump_source *s, struct err *err)
{
	AUTO_FREE char *name = xasprintf("plmaint:backup:%s", s->feature);
	const struct pg_options o = { .conninfo = s->conninfo,
				      .application_name = name,
				      .read_only = true };

	return pg_connect(&o, &s->db, err) || err_wrap(err, "the database of %s", s->feature);
}

/* The session stands still while pg_dump is at work. */
static bool freeze(struct dump_source *s, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_exec(s->db,
		     "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
		     " SET LOCAL idle_in_transaction_session_timeout = 0",
		     err) ||
	    !pg_query(s->db, "SELECT pg_export_snapshot()", NULL, 0, &r, err))
		return err_wrap(err, "the database of %s", s->feature);
	s->snapshot = xstrdup(pg_text(r, 0, 0));
	return true;
}

bool dump_sources_freeze(struct dump_sources *s, struct err *err)
{
	double begin;

	for (size_t i = 0; i < s->n; i++)
		if (!connect_source(&s->all[i], err))
			return false;
	begin = clock_monotonic();
	for (size_t i = 0; i < s->n; i++)
		if (!freeze(&s->all[i], err))
			return false;
	s->span = s->n > 1 ? clock_monotonic() - begin : 0;
	return true;
}

void dump_sources_thaw(struct dump_sources *s)
{
	for (size_t i = 0; i < s->n; i++) {
		pg_close(TAKE(s->all[i].db));
		free(TAKE(s->all[i].snapshot));
	}
}

static bool migrations(const struct dump_source *s, struct manifest_pair **ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *exists = NULL;
	AUTO_ROWS struct pg_rows *r = NULL;

	*ret = NULL;
	if (!pg_query(s->db, "SELECT to_regclass('django_migrations') IS NOT NULL", NULL, 0,
		      &exists, err))
		return false;
	if (!pg_bool(exists, 0, 0))
		return true;
	if (!pg_query(s->db,
		      "SELECT app, max(name COLLATE \"C\") FROM django_migrations GROUP BY app"
		      " ORDER BY app",
		      NULL, 0, &r, err))
		return false;
	*ret = xcalloc(pg_rows_count(r) + 1, sizeof(**ret));
	for (size_t i = 0; i < pg_rows_count(r); i++)
		(*ret)[i] = (struct manifest_pair){ .key = xstrdup(pg_text(r, i, 0)),
						    .value = xstrdup(pg_text(r, i, 1)) };
	return true;
}

static char *known(const struct pg_rows *r, int column)
{
	return pg_is_null(r, 0, column) ? NULL : xstrdup(pg_text(r, 0, column));
}

bool dump_source_describe(const struct dump_source *s, struct manifest_database *ret,
			  struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct manifest_pair *applied;

	if (!pg_query(s->db,
		      "SELECT datname, pg_encoding_to_char(encoding), datcollate,"
		      " pg_get_userbyid(datdba), pg_database_size(oid), " DATABASE_MADE_WITH
		      " FROM pg_database d WHERE datname = current_database()",
		      NULL, 0, &r, err) ||
	    !migrations(s, &applied, err))
		return err_wrap(err, "the database of %s", s->feature);
	*ret = (struct manifest_database){ .feature = xstrdup(s->feature),
					   .name = xstrdup(pg_text(r, 0, 0)),
					   .directory = xasprintf("databases/%s", s->feature),
					   .server_version = pg_server_version(s->db),
					   .encoding = xstrdup(pg_text(r, 0, 1)),
					   .collation = xstrdup(pg_text(r, 0, 2)),
					   .owner = xstrdup(pg_text(r, 0, 3)),
					   .bytes = pg_int(r, 0, 4),
					   .ctype = known(r, 5),
					   .provider = known(r, 6),
					   .locale = known(r, 7),
					   .rules = known(r, 8),
					   .tablespace = known(r, 9),
					   .migrations = applied,
					   .snapshot = xstrdup(s->snapshot) };
	return true;
}

/* -- running the programs */

struct dump {
	struct chunks_request rq;
	struct chunk_crew *chunks; /* NULL: pg_dump writes everything */
	struct file_progress progress;
	char *program, *dir, *phase;
};

int64_t dump_bytes(const struct dump *d)
{
	return d->chunks ? chunks_bytes(d->chunks) : 0;
}

static int64_t bytes_in(const char *dir)
{
	DIR *d = opendir(dir);
	int64_t sum = 0;
	struct stat st;

	for (struct dirent *e; d && (e = readdir(d)) != NULL;)
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			sum += st.st_size;
	if (d)
		closedir(d);
	return sum;
}

static void tick(void *arg)
{
	struct dump *d = arg;

	file_progress_tell(&d->progress, 0, bytes_in(d->dir) + dump_bytes(d));
}

/* Bytes of the dump, by the newest backup that has one of this database; 0: not known. */
static int64_t foretell(const struct backup_job *j, const struct manifest_database *d)
{
	AUTO_BACKUP_MANIFEST struct backup_manifest m = { .id = NULL };
	AUTO_FREE char *head = xasprintf("%s/", d->directory);
	char id[BACKUP_ID_SIZE];
	struct err ignored;
	int64_t sum = 0;

	if (!restore_newest(j->repository, id, &ignored) ||
	    !backup_manifest_read(j->repository, id, &m, &ignored))
		return 0;
	for (size_t i = 0; i < m.n_files; i++)
		if (strncmp(m.files[i].path, head, strlen(head)) == 0)
			sum += m.files[i].size;
	for (size_t i = 0; i < m.n_databases; i++)
		if (strcmp(m.databases[i].feature, d->feature) == 0 && m.databases[i].bytes > 0)
			return (int64_t)((double)sum * (double)d->bytes /
					 (double)m.databases[i].bytes);
	return 0;
}

static bool run_tool(const char *const *argv, const char *conninfo, struct dump *d,
		     struct strbuf *out, struct err *err)
{
	AUTO_PG_TOOL_ENV char **env = NULL;
	AUTO_STRBUF struct strbuf said = { 0 };
	char why[256];
	int status;

	if (!pg_tool_environment(conninfo, &env, err))
		return false;
	const struct process_options o = { .argv = argv,
					   .env = (const char *const *)env,
					   .ends_with_us = true,
					   .stoppable = true,
					   .nice = (int)d->rq.nice,
					   .max_output = 64 << 20,
					   .errors = &said,
					   .tick = tick,
					   .arg = d };
	if (!process_run(&o, out, &status, err))
		return false;
	pg_tool_complaint(said.data ? said.data : "", why, sizeof(why));
	return status == 0 ||
	       err_set(err, ERR_DB, "%s ended with exit status %d: %s", argv[0], status, why);
}

static bool find_tool(const struct probe *p, const char *name, const struct dump_source *s,
		      char **ret, struct err *err)
{
	return pg_tool_find(config_get(p->config, "database.programs"), name,
			    pg_server_version(s->db), ret, err);
}

/* pg_dump locks every table that it dumps, and reads every sequence. */
static bool may_read(const struct dump_source *s, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(s->db,
		      "SELECT min(c.oid::regclass::text), count(*), current_user"
		      " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		      " WHERE c.relkind IN ('r', 'p', 'm', 'S')"
		      " AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
		      " AND NOT (has_schema_privilege(n.oid, 'USAGE')"
		      "		 AND has_table_privilege(c.oid, 'SELECT'))"
		      " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid"
		      "	AND d.classid = 'pg_class'::regclass AND d.deptype = 'e')",
		      NULL, 0, &r, err))
		return false;
	if (pg_int(r, 0, 1) == 0)
		return true;
	(void)err_set(err, ERR_DENIED, "the role %s may not read %s, one of %lld such tables",
		      pg_text(r, 0, 2), pg_text(r, 0, 0), (long long)pg_int(r, 0, 1));
	return err_hint(err, "Name the database's owner, or a role that is in pg_read_all_data.");
}

static bool add_size(const struct dump_source *s, int64_t *bytes, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(s->db, "SELECT pg_database_size(current_database())", NULL, 0, &r, err))
		return false;
	*bytes += pg_int(r, 0, 0);
	return true;
}

bool dump_source_ready(const struct probe *p, struct dump_source *s, int64_t *bytes,
		       struct err *err)
{
	static const char *const programs[] = { "pg_dump", "pg_dumpall" };

	if (!connect_source(s, err))
		return false;
	bool ok = true;
	for (size_t i = 0; ok && i < ARRAY_LEN(programs); i++) {
		AUTO_FREE char *program = NULL;

		ok = find_tool(p, programs[i], s, &program, err);
	}
	ok = ok && ((may_read(s, err) && add_size(s, bytes, err)) ||
		    err_wrap(err, "the database of %s", s->feature));
	pg_close(TAKE(s->db));
	return ok;
}

/* Our snapshot has read core_artifact: an ALTER of it waits for us, pg_dump's LOCK TABLE waits
 * behind the ALTER, and we for pg_dump, which the server does not see.  What others lock for
 * longer, as VACUUM FULL does, ends a backup that the same command goes on with. */
#define LOCK_WAIT "30s"
static const char lock_wait[] = "--lock-wait-timeout=" LOCK_WAIT;

static bool say_who_locks(struct err *err)
{
	return strstr(err->text, "timeout") &&
	       err_hint(err,
			"Somebody locks a table, or waits to change it, for longer than " LOCK_WAIT
			": a migration, an ALTER, VACUUM FULL. When that is over the same "
			"command goes on.");
}

/* What is left to pg_dump, beside the chunks or without them. */
static bool run_pg_dump(struct dump *d, struct err *err)
{
	AUTO_FREE char *snapshot = xasprintf("--snapshot=%s", d->rq.source->snapshot);
	AUTO_FREE char *file = xasprintf("--file=%s", d->dir);
	AUTO_FREE char *compress = xasprintf("--compress=%ld", d->rq.level);
	AUTO_FREE char *parallel = xasprintf("--jobs=%ld", d->rq.sessions);
	const char *const fixed[] = {
		d->program, "--format=directory", parallel,	   snapshot, file,
		compress,   "--no-sync",	  "--no-password", lock_wait
	};
	const char *const *left_out = d->chunks ? chunks_exclusions(d->chunks) : NULL;
	size_t n = 0;

	while (left_out && left_out[n])
		n++;
	AUTO_FREE const char **argv = xcalloc(ARRAY_LEN(fixed) + n + 1, sizeof(*argv));
	memcpy(argv, fixed, sizeof(fixed));
	if (n)
		memcpy(argv + ARRAY_LEN(fixed), left_out, n * sizeof(*left_out));
	return run_tool(argv, d->rq.source->conninfo, d, NULL, err) || say_who_locks(err);
}

static void release(struct dump *d)
{
	chunks_end(d->chunks);
	free(d->program);
	free(d->dir);
	free(d->phase);
	free(d);
}

bool dump_begin(struct actor *a, const struct backup_job *j, const struct dump_source *s,
		const struct manifest_database *to, const struct backup_params *p,
		struct dump **ret, struct err *err)
{
	struct dump *d = xcalloc(1, sizeof(*d));

	d->rq = (struct chunks_request){
		.actor = a, .job = j, .source = s, .database = to, .level = p->compress
	};
	d->dir = backup_job_path(j, to->directory);
	d->phase = xasprintf("dump of %s", to->name);
	d->progress = (struct file_progress){ .reporter = a->reporter,
					      .label = procedure_backup_databases.label,
					      .phase = d->phase,
					      .bytes = foretell(j, to),
					      .of_bytes = true };
	/* Who waits for a site that stands still wants the dump, and nobody is served meanwhile. */
	if (!config_long(a->look->config, "backup.jobs", &d->rq.sessions, err) ||
	    (!backup_job_closed(j) &&
	     !config_long(a->look->config, "backup.nice", &d->rq.nice, err)) ||
	    !find_tool(a->look, "pg_dump", s, &d->program, err) ||
	    !chunks_begin(&d->rq, &d->chunks, err)) {
		release(d);
		return false;
	}
	file_progress_begin(&d->progress, 1);
	*ret = d;
	return true;
}

/* *refused: the archive cannot be completed, and there is none. */
static bool complete(struct dump *d, bool *refused, struct err *err)
{
	*refused = false;
	return run_pg_dump(d, err) && (!d->chunks || (chunks_wait(d->chunks, tick, d, err) &&
						      chunks_join(d->chunks, refused, err)));
}

bool dump_end(struct dump *d, struct dump_tally *tally, struct err *err)
{
	bool refused, ok = complete(d, &refused, err);

	if (ok && refused) {
		chunks_end(TAKE(d->chunks));
		ok = run_pg_dump(d, err);
	} else if (ok && d->chunks) {
		chunks_count(d->chunks, tally);
	}
	release(d);
	return ok;
}

bool dump_undo(struct dump *d, struct err *err)
{
	bool ok = !d->chunks || chunks_undo(d->chunks, err);

	release(d);
	return ok;
}

void dump_auto_abandon(struct dump **d)
{
	if (*d)
		release(TAKE(*d));
}

static bool is_superuser(const struct dump_source *s, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(s->db, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user", NULL, 0,
		      &r, err))
		return false;
	*ret = pg_rows_count(r) && pg_bool(r, 0, 0);
	return true;
}

/* Passwords are read by superusers only; without them the roles are all the same there. */
bool dump_globals(struct dump *d, struct err *err)
{
	const struct backup_job *j = d->rq.job;
	const struct dump_source *s = d->rq.source;
	AUTO_FREE char *path = backup_job_path(j, "databases/globals.sql");
	AUTO_FREE char *program = NULL;
	AUTO_FREE char *database = xasprintf("--database=%s", j->manifest.databases[0].name);
	AUTO_STRBUF struct strbuf out = { 0 };
	bool all;

	if (!is_superuser(s, &all, err) ||
	    !find_tool(d->rq.actor->look, "pg_dumpall", s, &program, err))
		return false;
	const char *const argv[] = { program,
				     "--globals-only",
				     database,
				     "--no-password",
				     all ? NULL : "--no-role-passwords",
				     NULL };
	return run_tool(argv, s->conninfo, d, &out, err) &&
	       fs_write_atomic(path, out.data, out.len, 0440, err);
}
