/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading files below a root, at four system calls each: openat2, fstat, one read that asks for a
 * byte more than there should be and so sees the end, close.
 */
#include "lib/drivers/fs.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fs_root {
	int fd;
	bool openat2;
	dev_t device;
	char *path; /* no slash at its end, "" for the root of all */
	size_t path_len;
};

bool fs_root_open(const char *path, struct fs_root **ret, struct err *err)
{
	if (path[0] != '/')
		return err_set(err, ERR_CONFIG, "the directory \"%s\" is not an absolute path",
			       path);
	AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "cannot open the directory %s", path);
	struct fs_root *r = xcalloc(1, sizeof *r);
	r->openat2 = fs_has_openat2(fd);
	r->device = st.st_dev;
	r->path = xstrdup(path);
	for (r->path_len = strlen(path); r->path_len > 0 && path[r->path_len - 1] == '/';)
		r->path[--r->path_len] = '\0';
	r->fd = fd;
	fd = -1;
	*ret = r;
	return true;
}

void fs_root_close(struct fs_root *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r->path);
	free(r);
}

const char *fs_root_path(const struct fs_root *r)
{
	return r->path_len ? r->path : "/";
}

bool fs_root_gone(const struct fs_root *r, const char *probe)
{
	AUTO_FD int fd = open(fs_root_path(r), O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_dev != r->device)
		return true;
	return fstatat(fd, probe, &st, 0) != 0 || !S_ISDIR(st.st_mode);
}

static enum fs_verdict verdict_of(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG: /* nothing can have such a name */
		return FS_MISSING;
	case EXDEV:
	case ELOOP: /* symlinks in a circle, or a magic link */
		return FS_OUTSIDE;
	case EACCES:
	case EPERM:
		return FS_DENIED;
	case ENXIO: /* a socket, or a device without a driver */
	case ENODEV:
		return FS_NOT_REGULAR;
	default:
		return FS_IO_ERROR;
	}
}

static enum fs_verdict refuse(struct fs_file *out, int error)
{
	out->saved_errno = error;
	return verdict_of(error);
}

/* An absolute name below the root made relative to it; other absolute names are NULL. */
static const char *relative(const struct fs_root *r, const char *name)
{
	if (name[0] != '/')
		return name;
	if (strncmp(name, r->path, r->path_len) != 0 || name[r->path_len] != '/')
		return NULL;
	name += r->path_len;
	return name + strspn(name, "/");
}

static void note(const struct stat *st, struct fs_file *out)
{
	out->changed = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
	out->inode = st->st_ino;
	out->size = st->st_size;
}

bool fs_look(int fd, struct fs_file *out)
{
	struct stat st;

	*out = (struct fs_file){ 0 };
	if (fstat(fd, &st) != 0)
		return false;
	note(&st, out);
	return true;
}

/* Opens and looks: FS_OK for a regular file. */
static enum fs_verdict open_regular(const struct fs_root *r, const char *name, int flags,
				    int *ret_fd, struct fs_file *out)
{
	*out = (struct fs_file){ 0 };
	name = relative(r, name);
	if (!name)
		return refuse(out, EXDEV);
	flags |= O_CLOEXEC;
	int fd = r->openat2 ? fs_open_beneath(r->fd, name, flags)
			    : fs_open_walking(r->fd, name, flags);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0) {
		enum fs_verdict verdict = refuse(out, errno);
		if (fd >= 0)
			close(fd);
		return verdict;
	}
	*ret_fd = fd;
	note(&st, out);
	return S_ISREG(st.st_mode) ? FS_OK : FS_NOT_REGULAR;
}

static ssize_t read_retrying(int fd, void *to, size_t n)
{
	ssize_t got;
	do
		got = read(fd, to, n);
	while (got < 0 && errno == EINTR);
	return got;
}

/* A file may grow or shrink while it is read: what read says counts, not the size. */
static enum fs_verdict read_all(int fd, size_t max, struct fs_file *out)
{
	size_t room = (size_t)out->size + 1, len = 0;
	char *data = xmalloc(room);
	for (;;) {
		ssize_t got = read_retrying(fd, data + len, room - len);
		if (got < 0) {
			free(data);
			return refuse(out, errno);
		}
		len += (size_t)got;
		if (len > max) {
			free(data);
			return FS_TOO_LARGE;
		}
		/* One byte less than asked for, and as many as fstat said: that was the end. */
		if (got == 0 || (len == (size_t)out->size && len + 1 == room))
			break;
		if (len == room) {
			room = 2 * room + 1;
			data = xrealloc(data, room);
		}
	}
	if (len == room)
		data = xrealloc(data, room + 1);
	data[len] = '\0';
	out->data = data;
	out->len = len;
	return FS_OK;
}

enum fs_verdict fs_read(const struct fs_root *r, const char *name, size_t max, struct fs_file *out)
{
	AUTO_FD int fd = -1;
	enum fs_verdict verdict = open_regular(r, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, out);
	if (verdict != FS_OK)
		return verdict;
	return (uint64_t)out->size > max ? FS_TOO_LARGE : read_all(fd, max, out);
}

enum fs_verdict fs_open(const struct fs_root *r, const char *name, int *ret_fd, struct fs_file *out)
{
	AUTO_FD int fd = -1;
	enum fs_verdict verdict = open_regular(r, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd, out);

	if (verdict == FS_OK) {
		*ret_fd = fd;
		fd = -1;
	}
	return verdict;
}

enum fs_verdict fs_stat(const struct fs_root *r, const char *name, struct fs_file *out)
{
	AUTO_FD int fd = -1;
	return open_regular(r, name, O_PATH, &fd, out);
}

/* The directory that holds name, and in *ret_base what it is called there. */
static int open_parent(const struct fs_root *r, const char *name, const char **ret_base)
{
	const int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
	const char *slash = strrchr(name, '/');
	AUTO_FREE char *dir = fs_directory_of(name);

	*ret_base = slash ? slash + 1 : name;
	return r->openat2 ? fs_open_beneath(r->fd, dir, flags) : fs_open_walking(r->fd, dir, flags);
}

enum fs_verdict fs_remove(const struct fs_root *r, const char *name)
{
	const char *base;
	struct stat st;

	name = relative(r, name);
	if (!name)
		return FS_OUTSIDE;
	AUTO_FD int dir = open_parent(r, name, &base);

	if (dir < 0 || fstatat(dir, base, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return verdict_of(errno);
	if (!S_ISREG(st.st_mode))
		return FS_NOT_REGULAR;
	return unlinkat(dir, base, 0) == 0 ? FS_OK : verdict_of(errno);
}

enum fs_verdict fs_read_direct(const struct fs_root *r, const char *name, double until,
			       int64_t most, int64_t *bytes, struct fs_file *out)
{
	enum { STEP = 1 << 20, ALIGNED = 4096 };
	AUTO_FREE void *buf = NULL;
	AUTO_FD int fd = -1;
	ssize_t got = 1;
	enum fs_verdict verdict =
		open_regular(r, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_DIRECT, &fd, out);
	if (verdict != FS_OK)
		return verdict;
	if (posix_memalign(&buf, ALIGNED, STEP) != 0)
		return refuse(out, ENOMEM);
	while (got > 0 && *bytes < most && clock_monotonic() < until) {
		got = read_retrying(fd, buf, STEP);
		if (got < 0)
			return refuse(out, errno);
		*bytes += got;
	}
	return FS_OK;
}
