/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is only on the host is no difference: a backup does not say what should not be there. */
#include "lib/host/config_compare.h"

#include "lib/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 65536 };

/* Reads as much as there is room for, unless the file ends. */
static ssize_t read_full(int fd, char *to, size_t room)
{
	size_t have = 0;

	while (have < room) {
		ssize_t n = read(fd, to + have, room - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static bool same_content(const char *one, const char *other, bool *same, struct err *err)
{
	AUTO_FD int a = open(one, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD int b = open(other, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FREE char *left = xmalloc(CHUNK), *right = xmalloc(CHUNK);

	if (a < 0)
		return err_errno(err, "cannot open %s", one);
	if (b < 0)
		return err_errno(err, "cannot open %s", other);
	for (;;) {
		ssize_t n = read_full(a, left, CHUNK), m = read_full(b, right, CHUNK);

		if (n < 0 || m < 0)
			return err_errno(err, "cannot read %s", n < 0 ? one : other);
		*same = n == m && memcmp(left, right, (size_t)n) == 0;
		if (!*same || n == 0)
			return true;
	}
}

static bool same_link(const char *one, const char *other, bool *same, struct err *err)
{
	char left[4096], right[4096];
	ssize_t n = readlink(one, left, sizeof left), m = readlink(other, right, sizeof right);

	if (n < 0 || m < 0)
		return err_errno(err, "cannot read the link %s", n < 0 ? one : other);
	*same = n == m && memcmp(left, right, (size_t)n) == 0;
	return true;
}

/* *kind stays NULL where nothing differs. */
static bool compare(const char *path, const struct stat *was, const char *there, const char **kind,
		    struct err *err)
{
	struct stat is;
	bool same = true;

	*kind = NULL;
	if (lstat(there, &is) != 0) {
		*kind = "missing";
		return errno == ENOENT || errno == ENOTDIR ||
		       err_errno(err, "cannot look at %s", there);
	}
	if ((was->st_mode & S_IFMT) != (is.st_mode & S_IFMT)) {
		*kind = "type";
		return true;
	}
	if (S_ISREG(is.st_mode) && !same_content(path, there, &same, err))
		return false;
	if (S_ISLNK(is.st_mode) && !same_link(path, there, &same, err))
		return false;
	if (!same)
		*kind = S_ISLNK(is.st_mode) ? "link" : "content";
	else if (was->st_uid != is.st_uid || was->st_gid != is.st_gid)
		*kind = "owner";
	else if (was->st_mode != is.st_mode)
		*kind = "mode";
	return true;
}

static int in_order(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

bool config_compare(const char *unpacked, const char *root,
		    void (*fn)(void *arg, const struct config_difference *d), void *arg,
		    struct config_compared *ret, struct err *err)
{
	AUTO_FREE char *from = xstrdup(unpacked);
	FTS *walk = fts_open((char *const[]){ from, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, in_order);
	bool ok = walk != NULL || err_errno(err, "cannot walk through %s", unpacked);

	*ret = (struct config_compared){ .same = 0 };
	for (FTSENT *f; ok && (errno = 0, f = fts_read(walk));) {
		struct config_difference d;

		if (f->fts_info == FTS_DP || f->fts_level == 0)
			continue;
		if (f->fts_info == FTS_DNR || f->fts_info == FTS_ERR || f->fts_info == FTS_NS) {
			errno = f->fts_errno;
			ok = err_errno(err, "cannot look at %s", f->fts_path);
			break;
		}
		AUTO_FREE char *there =
			xasprintf("%s/%s", root[1] ? root : "", f->fts_path + strlen(unpacked) + 1);

		ok = compare(f->fts_path, f->fts_statp, there, &d.kind, err);
		d.path = there;
		if (!ok)
			break;
		ret->same += d.kind == NULL;
		ret->missing += d.kind && strcmp(d.kind, "missing") == 0;
		ret->different += d.kind && strcmp(d.kind, "missing") != 0;
		if (d.kind)
			fn(arg, &d);
	}
	if (walk)
		fts_close(walk);
	return ok;
}
