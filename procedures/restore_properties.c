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
static const char role_head[] = "-- role ";
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

bool restore_properties_roles(const struct restore_job *j, const struct restore_database *d,
			      bool (*fn)(void *arg, const char *role, struct err *err), void *arg,
			      struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *rest = NULL;

	if (!read_file(j, d, &text, err))
		return false;
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, role_head, sizeof(role_head) - 1) == 0 &&
		    !fn(arg, line + sizeof(role_head) - 1, err))
			return false;
	return true;
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
