/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Line by line, as backup_properties.c has written them. */
#include "procedures/restore_properties.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/pg_conninfo.h"
#include "procedures/restore_content.h"

#include <errno.h>
#include <string.h>

enum { PROPERTIES_MAX = 4 << 20 };
static const char placeholder[] = ":\"DBNAME\"";

/* *ret is NULL where the backup holds none.  Caller frees. */
static bool read_file(const struct restore_job *j, const struct restore_database *d, char **ret,
		      struct err *err)
{
	AUTO_FREE char *name = xasprintf("%s.sql", d->from->directory);
	AUTO_FREE char *dir = repository_backup_path(j->repository, j->manifest.id, NULL);
	struct fs_root *root = NULL;
	struct fs_file file = { 0 };

	*ret = NULL;
	if (!restore_has_listing(j, name))
		return true;
	if (!fs_root_open(dir, &root, err))
		return false;
	enum fs_verdict verdict = fs_read(root, name, PROPERTIES_MAX, &file);
	fs_root_close(root);
	if (verdict == FS_OK) {
		*ret = file.data;
		return true;
	}
	errno = file.saved_errno;
	return err_errno(err, "cannot read %s/%s", dir, name);
}

bool restore_properties_named(const struct restore_job *j, const struct restore_database *d,
			      const char *kind,
			      bool (*fn)(void *arg, const char *name, struct err *err), void *arg,
			      struct err *err)
{
	AUTO_FREE char *head = xasprintf("-- %s ", kind);
	AUTO_FREE char *text = NULL;
	char *rest = NULL;

	if (!read_file(j, d, &text, err))
		return false;
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, head, strlen(head)) == 0 && !fn(arg, line + strlen(head), err))
			return false;
	return true;
}

struct absence {
	const struct restore_job *job;
	struct strbuf *out;
};

bool restore_tablespace_here(const struct restore_job *j, const char *name, bool *ret,
			     struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(j->db, "SELECT FROM pg_tablespace WHERE spcname = $1",
		      (struct pg_param[]){ PG_P_TEXT(name) }, 1, &r, err))
		return false;
	*ret = pg_rows_count(r) > 0;
	return true;
}

static bool add_if_absent(void *arg, const char *name, struct err *err)
{
	const struct absence *k = arg;
	bool there;

	if (!restore_tablespace_here(k->job, name, &there, err))
		return false;
	if (!there)
		strbuf_addf(k->out, "%s%s", k->out->len ? ", " : "", name);
	return true;
}

bool restore_tablespaces_absent(const struct restore_job *j, const struct restore_database *d,
				struct strbuf *out, struct err *err)
{
	struct absence k = { j, out };

	/* A database that is here stays in the tablespace that it has here. */
	return (d->has_live || !d->from->tablespace ||
		add_if_absent(&k, d->from->tablespace, err)) &&
	       restore_properties_named(j, d, "tablespace", add_if_absent, &k, err);
}

/* The first is the one that is meant: before it stand only the name of a role, or a list of names
 * such as a search_path. */
static void put_name(struct strbuf *sql, const char *line, const char *name)
{
	const char *at = strstr(line, placeholder);

	strbuf_add(sql, line, at ? (size_t)(at - line) : strlen(line));
	if (!at)
		return;
	pg_quote_name(sql, name);
	strbuf_adds(sql, at + sizeof(placeholder) - 1);
}

bool restore_properties_apply(const struct restore_job *j, const struct restore_database *d,
			      struct pg *db, size_t *refused, struct outcome *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *rest = NULL;

	if (!read_file(j, d, &text, err))
		return false;
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		AUTO_STRBUF struct strbuf sql = { 0 };
		struct err why;

		if (strncmp(line, "--", 2) == 0)
			continue;
		put_name(&sql, line, d->fresh);
		if (pg_exec(db, sql.data, &why))
			continue;
		if (!pg_alive(db)) {
			*err = why;
			return false;
		}
		++*refused;
		outcome_example(out, "%s: %s", d->from->name, why.text);
	}
	return true;
}
