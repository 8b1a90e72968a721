/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of the state directory. */
#include "lib/core/state.h"

#include "lib/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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

bool state_sync(const char *dir, struct err *err)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, "cannot sync '%s'", dir);
	return true;
}
