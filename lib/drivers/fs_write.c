/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of our own: state that must be there whole or not at all after a power cut. */
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool fs_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return true;
}

char *fs_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
}

static bool fill(int fd, const void *data, size_t len, unsigned mode)
{
	return fchmod(fd, (mode_t)mode) == 0 && fs_write_all(fd, data, len) && fsync(fd) == 0;
}

bool fs_write_atomic(const char *path, const void *data, size_t len, unsigned mode, struct err *err)
{
	AUTO_FREE char *temp = xasprintf("%s.XXXXXX", path);
	AUTO_FD int fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "cannot make a file next to %s", path);
	if (!fill(fd, data, len, mode) || rename(temp, path) != 0) {
		err_errno(err, "cannot write %s", path);
		(void)unlink(temp);
		return false;
	}
	AUTO_FREE char *dir = fs_directory_of(path);
	return fs_sync_directory(dir, err);
}

static bool make_one(const char *path, unsigned mode)
{
	struct stat st;
	if (mkdir(path, (mode_t)mode) == 0)
		return true;
	int saved = errno;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return true;
		saved = ENOTDIR;
	}
	errno = saved;
	return false;
}

bool fs_mkdirs(const char *path, unsigned mode, struct err *err)
{
	AUTO_FREE char *part = xstrdup(path);
	for (char *p = part + strspn(part, "/"); (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (!make_one(part, mode))
			return err_errno(err, "cannot make the directory %s", part);
		*p = '/';
	}
	return make_one(part, mode) || err_errno(err, "cannot make the directory %s", path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)at;
	return type == FTW_DP ? rmdir(path) : unlink(path);
}

bool fs_remove_tree(const char *path, struct err *err)
{
	enum { DEPTH = 16 }; /* descriptors that it may hold; deeper is slower */

	return nftw(path, remove_one, DEPTH, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0 ||
	       errno == ENOENT || err_errno(err, "cannot remove %s", path);
}

bool fs_sync_directory(const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return (fd >= 0 && fsync(fd) == 0) || err_errno(err, "cannot make %s durable", path);
}
