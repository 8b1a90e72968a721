/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /proc/self/mountinfo (proc_pid_mountinfo(5)): the file system is not asked, so it cannot hang. */
#include "lib/host/mounts.h"

#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/proc.h"

#include <stdlib.h>
#include <string.h>

enum { POINT = 4, OPTIONS = 5, FIXED = 6 }; /* words before the optional ones, which end with "-" */
enum { MOST_TEXT = 4 << 20 };

static bool parse(const char *line, size_t len, struct mount *ret)
{
	AUTO_FREE char *copy = xstrndup(line, len);
	const char *words[FIXED], *type, *more = NULL;
	char *rest = NULL, *w = strtok_r(copy, " ", &rest);

	for (int i = 0; i < FIXED; i++, w = strtok_r(NULL, " ", &rest)) {
		if (!w)
			return false;
		words[i] = w;
	}
	while (w && strcmp(w, "-") != 0)
		w = strtok_r(NULL, " ", &rest);
	type = strtok_r(NULL, " ", &rest);
	if (strtok_r(NULL, " ", &rest))
		more = strtok_r(NULL, " ", &rest);
	if (!w || !type)
		return false;
	snprintf(ret->point, sizeof(ret->point), "%s", words[POINT]);
	proc_unescape(ret->point);
	snprintf(ret->type, sizeof(ret->type), "%s", type);
	snprintf(ret->options, sizeof(ret->options), "%s%s%s", words[OPTIONS], more ? "," : "",
		 more ? more : "");
	return true;
}

static bool is_above(const char *point, const char *path)
{
	size_t len = strlen(point);

	if (strcmp(point, "/") == 0)
		return true;
	return strncmp(path, point, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

bool mount_find(const char *text, const char *path, struct mount *ret)
{
	struct mount m;
	bool found = false;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (!parse(line, strcspn(line, "\n"), &m) || !is_above(m.point, path))
			continue;
		/* Of two at the same point the later one covers the other. */
		if (found && strlen(m.point) < strlen(ret->point))
			continue;
		*ret = m;
		found = true;
	}
	return found;
}

bool mount_of(const char *path, struct mount *ret, struct err *err)
{
	static const char table[] = "/proc/self/mountinfo";
	AUTO_FREE char *real = realpath(path, NULL);
	AUTO_FILE FILE *f = fopen(table, "re");
	AUTO_STRBUF struct strbuf text = { 0 };
	char buf[4096];
	size_t n;

	if (!real)
		return err_errno(err, "'%s'", path);
	if (!f)
		return err_errno(err, "cannot open %s", table);
	while (text.len < MOST_TEXT && (n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&text, buf, n);
	return mount_find(text.data ? text.data : "", real, ret) ||
	       err_set(err, ERR_NOT_FOUND, "%s has no mount for '%s'", table, real);
}

bool mount_has(const struct mount *m, const char *option)
{
	return list_has(m->options, option);
}
