/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of the state directory. */
#include "lib/core/state.h"

#include "lib/core/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool explain(const char *dir, struct err *err)
{
	if (err->code == ERR_DENIED)
		return err_hint(err, "Run as root, or set general.state_dir to a directory of "
				     "your own.");
	return err_hint(err, "general.state_dir is '%s'.", dir);
}

bool state_dir_make(const char *path, struct err *err)
{
	AUTO_FREE char *p = xstrdup(path);

	for (char *slash = p; slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (*p && mkdir(p, 0750) < 0 && errno != EEXIST) {
			(void)err_errno(err, "cannot make '%s'", p);
			return explain(path, err);
		}
		if (slash)
			*slash = '/';
	}
	return true;
}

bool state_open(const char *dir, const char *name, int flags, int *ret_fd, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd < 0) {
		(void)err_errno(err, "cannot open '%s'", path);
		return explain(dir, err);
	}
	*ret_fd = fd;
	return true;
}

bool state_read(const char *dir, const char *name, char *ret, size_t size, bool *found,
		struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	*found = fd >= 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return true;
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
	if (n < 0)
		return err_errno(err, "cannot read '%s'", path);
	ret[n] = '\0';
	return true;
}

bool state_rename(const char *dir, const char *from, const char *to, struct err *err)
{
	AUTO_FREE char *old = xasprintf("%s/%s", dir, from), *new = xasprintf("%s/%s", dir, to);

	if (rename(old, new) < 0)
		return err_errno(err, "cannot rename '%s'", old);
	return state_sync(dir, err);
}

bool state_remove(const char *dir, const char *name, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);

	if (unlink(path) < 0)
		return errno == ENOENT || err_errno(err, "cannot remove '%s'", path);
	return state_sync(dir, err);
}

struct aged {
	char name[NAME_MAX + 1];
	struct timespec changed;
};

static int newest_first(const void *x, const void *y)
{
	const struct aged *a = x, *b = y;

	if (a->changed.tv_sec != b->changed.tv_sec)
		return a->changed.tv_sec < b->changed.tv_sec ? 1 : -1;
	return a->changed.tv_nsec < b->changed.tv_nsec ? 1 : -1;
}

void state_keep_newest(const char *dir, const char *prefix, size_t keep)
{
	AUTO_FREE struct aged *all = NULL;
	DIR *d = opendir(dir);
	size_t n = 0;
	struct stat st;

	for (const struct dirent *e; d && (e = readdir(d));) {
		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		all = xrealloc(all, (n + 1) * sizeof(*all));
		all[n].changed = st.st_mtim;
		(void)snprintf(all[n++].name, sizeof(all->name), "%s", e->d_name);
	}
	if (n > keep)
		qsort(all, n, sizeof(*all), newest_first);
	for (size_t i = keep; i < n; i++)
		(void)unlinkat(dirfd(d), all[i].name, 0);
	if (d)
		(void)closedir(d);
}

bool state_sync(const char *dir, struct err *err)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, "cannot sync '%s'", dir);
	return true;
}
