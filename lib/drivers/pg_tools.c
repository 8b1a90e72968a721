/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libpq itself says which variable each word of a connection string has. */
#include "lib/drivers/pg_tools.h"

#include "lib/core/mem.h"
#include "lib/drivers/pg_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool pg_tool_find(const char *dir, const char *name, int server_version, char **ret,
		  struct err *err)
{
	const int major = server_version / 10000;

	if (dir) {
		AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

		if (access(path, X_OK) != 0) {
			(void)err_errno(err, "%s", path);
			return err_hint(err, "Set database.programs to the directory that has it.");
		}
		*ret = TAKE(path);
		return true;
	}
	AUTO_FREE char *debian = xasprintf("/usr/lib/postgresql/%d/bin/%s", major, name);
	AUTO_FREE char *pgdg = xasprintf("/usr/pgsql-%d/bin/%s", major, name);
	*ret = access(debian, X_OK) == 0 ? TAKE(debian)
	       : access(pgdg, X_OK) == 0 ? TAKE(pgdg)
					 : xstrdup(name);
	return true;
}

static bool is_kept(const char *entry)
{
	static const char *const names[] = { "PATH=", "HOME=", "TMPDIR=", "PGSERVICEFILE=",
					     "PGSYSCONFDIR=" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

bool pg_tool_environment(const char *conninfo, char ***ret, struct err *err)
{
	PQconninfoOption *info = pg_conninfo_parse(conninfo, err);
	size_t n = 0, room = 2; /* LC_ALL and the end */

	if (!info)
		return false;
	for (const PQconninfoOption *i = info; i->keyword; i++)
		room++;
	for (char **e = environ; *e; e++)
		room += is_kept(*e);
	char **env = xcalloc(room, sizeof(*env));
	for (char **e = environ; *e; e++)
		if (is_kept(*e))
			env[n++] = xstrdup(*e);
	env[n++] = xstrdup("LC_ALL=C");
	for (const PQconninfoOption *i = info; i->keyword; i++)
		if (i->val && i->envvar)
			env[n++] = xasprintf("%s=%s", i->envvar, i->val);
	PQconninfoFree(info);
	*ret = env;
	return true;
}

void pg_tool_complaint(const char *said, char *out, size_t size)
{
	const char *at = strstr(said, "error: ");

	if (!at) {
		at = said;
		for (const char *p = said; (p = strchr(p, '\n')) != NULL; p++)
			if (p[1])
				at = p + 1;
	}
	size_t len = strcspn(at, "\n");
	(void)snprintf(out, size, "%.*s", (int)len, at);
	if (len == 0)
		(void)snprintf(out, size, "it said nothing");
}

void pg_tool_forget(char ***env)
{
	for (size_t i = 0; *env && (*env)[i]; i++) {
		explicit_bzero((*env)[i], strlen((*env)[i]));
		free((*env)[i]);
	}
	free(*env);
	*env = NULL;
}
