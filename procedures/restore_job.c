/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The backup, its databases and what the server has of them. */
#include "procedures/restore_job.h"

#include "lib/core/mem.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/backup_databases.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 63 }; /* of PostgreSQL's names */

const struct opt restore_params_table[] = { RESTORE_PARAMS_ROWS(struct restore_params, ),
					    OPTS_END };

bool restore_newest(const struct repository *r, char ret[BACKUP_ID_SIZE], struct err *err)
{
	AUTO_FREE struct backup_entry *all = NULL;
	size_t n;

	if (!repository_backups(r, &all, &n, err))
		return false;
	for (size_t i = n; i-- > 0;) {
		if (!all[i].whole)
			continue;
		memcpy(ret, all[i].id, BACKUP_ID_SIZE);
		return true;
	}
	(void)err_set(err, ERR_NOT_FOUND, "%s holds no whole backup", repository_dir(r));
	return err_hint(err, "`plmaint backup online DIR` makes one, or ends one that was broken "
			     "off.");
}

bool restore_server(const struct probe *p, char **ret, struct err *err)
{
	const char *own = config_get(p->config, "restore.conninfo");

	if (own) {
		*ret = xstrdup(own);
		return true;
	}
	return pg_conninfo_with(p->place.conninfo, "postgres", ret, err);
}

bool restore_connect(const char *conninfo, struct pg **ret, struct err *err)
{
	const struct pg_options o = { .conninfo = conninfo, .application_name = "plmaint:restore" };

	if (pg_connect(&o, ret, err))
		return true;
	AUTO_FREE char *hint = xstrdup(err->hint);
	return err_hint(err, "%s%srestore.conninfo names where databases can be made.", hint,
			*hint ? " " : "");
}

static bool name_it(struct restore_database *d, const char *live, const char *id, struct err *err)
{
	d->live = xstrdup(live);
	d->fresh = xasprintf("%s_restore_%s", live, id);
	d->old = xasprintf("%s_before_%s", live, id);
	return strlen(d->fresh) <= NAME_MAX_BYTES ||
	       err_set(err, ERR_UNSUPPORTED,
		       "the name of the database '%s' is too long for another beside it", live);
}

/* A database has the name that its feature uses here, which may be another than where it came from;
 * one that is not known here has its own. */
static bool name_all(struct restore_job *j, const struct probe *p, struct err *err)
{
	j->n = j->manifest.n_databases;
	j->databases = xcalloc(j->n, sizeof(*j->databases));
	for (size_t i = 0; i < j->n; i++) {
		struct restore_database *d = &j->databases[i];

		d->from = &j->manifest.databases[i];
		AUTO_FREE char *conninfo = NULL;
		AUTO_FREE char *name = NULL;
		if (!database_conninfo(p, d->from->feature, &conninfo, err) ||
		    (conninfo && !pg_conninfo_database(conninfo, &name, err)) ||
		    !name_it(d, name ? name : d->from->name, j->manifest.id, err))
			return false;
	}
	return j->n > 0 || err_set(err, ERR_DATA, "backup %s holds no database", j->manifest.id);
}

static bool open_backup(const struct probe *p, const struct restore_params *o,
			struct restore_job *j, struct err *err)
{
	char id[BACKUP_ID_SIZE];
	unsigned char uuid[16];

	if (!o->dir)
		return err_set(err, ERR_USAGE, "the directory of the backups is not named");
	if (o->id && !backup_id_valid(o->id)) {
		(void)err_set(err, ERR_USAGE, "'%s' is no backup", o->id);
		return err_hint(err, "`plmaint backup list %s` shows them.", o->dir);
	}
	if (!repository_open(o->dir, false, &j->repository, err))
		return false;
	if (!uuid_parse(repository_id(j->repository), uuid))
		return err_set(err, ERR_DATA, "%s has no valid id", repository_dir(j->repository));
	if (o->id)
		(void)snprintf(id, sizeof(id), "%s", o->id);
	else if (!restore_newest(j->repository, id, err))
		return false;
	if (!backup_manifest_read(j->repository, id, &j->manifest, err))
		return false;
	(void)snprintf(j->mark, sizeof(j->mark), "plmaint restored %s of %s", id,
		       repository_id(j->repository));
	return name_all(j, p, err) && restore_server(p, &j->server, err);
}

bool restore_job_open(const struct probe *p, const void *params, struct restore_job *ret,
		      struct err *err)
{
	struct restore_job j = { .db = NULL };

	if (!open_backup(p, params, &j, err)) {
		restore_job_release(&j);
		return false;
	}
	*ret = j;
	return true;
}

static char *copy(const struct pg_rows *r, size_t row, int col)
{
	return pg_is_null(r, row, col) ? NULL : xstrdup(pg_text(r, row, col));
}

static bool has_mark(const char *comment, const char *mark)
{
	size_t n = strlen(mark);

	return strncmp(comment, mark, n) == 0 && (comment[n] == '\0' || comment[n] == '\n');
}

static void forget_live(struct restore_database *d)
{
	free(d->owner);
	free(d->encoding);
	free(d->collation);
	free(d->ctype);
	free(d->provider);
	free(d->locale);
	free(d->rules);
	free(d->tablespace);
	d->owner = d->encoding = d->collation = d->ctype = NULL;
	d->provider = d->locale = d->rules = d->tablespace = NULL;
}

static bool ask_one(struct restore_job *j, struct restore_database *d, struct err *err)
{
	const struct pg_param names[] = { PG_P_TEXT(d->live), PG_P_TEXT(d->fresh),
					  PG_P_TEXT(d->old) };
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(j->db,
		      "SELECT datname, coalesce(shobj_description(oid, 'pg_database'), ''),"
		      " pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate,"
		      " " DATABASE_MADE_WITH " FROM pg_database d WHERE datname IN ($1, $2, $3)",
		      names, ARRAY_LEN(names), &r, err))
		return false;
	forget_live(d);
	d->has_live = d->has_fresh = d->has_old = d->loaded = d->restored = false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		const char *name = pg_text(r, i, 0);
		bool marked = has_mark(pg_text(r, i, 1), j->mark);

		if (strcmp(name, d->live) == 0) {
			d->has_live = true;
			d->restored = marked;
			d->owner = copy(r, i, 2);
			d->encoding = copy(r, i, 3);
			d->collation = copy(r, i, 4);
			d->ctype = copy(r, i, 5);
			d->provider = copy(r, i, 6);
			d->locale = copy(r, i, 7);
			d->rules = copy(r, i, 8);
			d->tablespace = copy(r, i, 9);
		} else if (strcmp(name, d->fresh) == 0) {
			d->has_fresh = true;
			d->loaded = marked;
		} else {
			d->has_old = true;
		}
	}
	return true;
}

bool restore_job_ask(struct restore_job *j, struct err *err)
{
	if (!j->db && !restore_connect(j->server, &j->db, err))
		return false;
	j->restored = true;
	for (size_t i = 0; i < j->n; i++) {
		if (!ask_one(j, &j->databases[i], err))
			return false;
		j->restored &= j->databases[i].restored;
	}
	return true;
}

bool restore_job_guard(struct restore_job *j, struct err *err)
{
	return repository_lock(j->repository, err) || err->code != ERR_LOCKED;
}

void restore_job_release(struct restore_job *j)
{
	for (size_t i = 0; i < j->n; i++) {
		forget_live(&j->databases[i]);
		free(j->databases[i].live);
		free(j->databases[i].fresh);
		free(j->databases[i].old);
	}
	free(j->databases);
	free(j->server);
	pg_close(j->db);
	backup_manifest_release(&j->manifest);
	repository_close(j->repository);
	*j = (struct restore_job){ .db = NULL };
}
