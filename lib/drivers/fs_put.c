/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes are hashed on their way.  A single fsync for each of 200,000 small files would take
 * longer than all the rest: one syncfs makes all of them durable, and until then whoever comes
 * again compares digests anyhow.
 */
#include "lib/drivers/fs_put.h"

#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/fs_internal.h"
#include "lib/drivers/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, FILE_MODE = 0644, DIR_MODE = 0755 };

struct fs_sink {
	int fd;
	bool openat2, give; /* give: what is made is given to the owner of the root */
	uid_t uid;
	gid_t gid;
	char *path;
};

bool fs_sink_open(const char *path, struct fs_sink **ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return err_errno(err, "cannot open the directory %s", path);
	struct fs_sink *s = xcalloc(1, sizeof(*s));
	*s = (struct fs_sink){ .fd = fd,
			       .openat2 = fs_has_openat2(fd),
			       .give = geteuid() == 0,
			       .uid = st.st_uid,
			       .gid = st.st_gid,
			       .path = xstrdup(path) };
	fd = -1;
	*ret = s;
	return true;
}

void fs_sink_close(struct fs_sink *s)
{
	if (!s)
		return;
	close(s->fd);
	free(s->path);
	free(s);
}

bool fs_sink_sync(const struct fs_sink *s, struct err *err)
{
	return syncfs(s->fd) == 0 || err_errno(err, "cannot make %s durable", s->path);
}

static int open_dir(const struct fs_sink *s, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

	return s->openat2 ? fs_open_beneath(s->fd, name, flags)
			  : fs_open_walking(s->fd, name, flags);
}

static bool give(const struct fs_sink *s, int fd, unsigned mode)
{
	return (!s->give || fchown(fd, s->uid, s->gid) == 0) && fchmod(fd, (mode_t)mode) == 0;
}

/* The directory, made with those above it where it is missing; -1 with errno. */
static int reach_dir(const struct fs_sink *s, const char *name)
{
	int fd = open_dir(s, name);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	const char *slash = strrchr(name, '/');
	AUTO_FREE char *above = fs_directory_of(name);
	AUTO_FD int parent = slash ? reach_dir(s, above) : open_dir(s, above);
	if (parent < 0)
		return -1;
	/* Another thread may have made it. */
	if (mkdirat(parent, slash ? slash + 1 : name, DIR_MODE) != 0)
		return errno == EEXIST ? open_dir(s, name) : -1;
	fd = open_dir(s, name);
	if (fd >= 0 && !give(s, fd, DIR_MODE)) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static bool plain(const char *name)
{
	for (const char *at = name; at; at = strchr(at, '/'), at += at != NULL) {
		size_t len = strcspn(at, "/");

		if (len == 0 || (len == 1 && at[0] == '.') ||
		    (len == 2 && at[0] == '.' && at[1] == '.'))
			return false;
	}
	return true;
}

static bool copy(int from, int to, const struct fs_between *between, char digest[65], int64_t *size)
{
	AUTO_FREE char *buf = xmalloc(CHUNK);
	struct sha256 *h = sha256_new();
	ssize_t n;
	bool ok = true;

	*size = 0;
	while (ok && ((n = read(from, buf, CHUNK)) > 0 || (n < 0 && errno == EINTR))) {
		if (n < 0)
			continue;
		sha256_add(h, buf, (size_t)n);
		*size += n;
		ok = fs_write_all(to, buf, (size_t)n) && (!between || between->fn(between->arg));
	}
	sha256_end(h, digest);
	sha256_free(h);
	return ok && n == 0;
}

bool fs_sink_put(const struct fs_sink *s, const char *name, int from, const char *wanted,
		 const struct fs_between *between, bool *ret_good, int64_t *ret_size,
		 struct err *err)
{
	char digest[65];

	if (!plain(name))
		return err_set(err, ERR_DATA, "'%s' is no name below %s", name, s->path);
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	AUTO_FREE char *above = fs_directory_of(name);
	/* A kill may leave it; the next copy of the same file takes its place. */
	AUTO_FREE char *temp = xasprintf(".plmaint-%.40s", wanted);
	AUTO_FD int dir = slash ? reach_dir(s, above) : open_dir(s, above);
	if (dir < 0)
		return err_errno(err, "cannot reach %s/%s", s->path, above);
	(void)unlinkat(dir, temp, 0);
	AUTO_FD int to =
		openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_errno(err, "cannot make a file in %s/%s", s->path, above);
	*ret_good = copy(from, to, between, digest, ret_size) && give(s, to, FILE_MODE);
	if (!*ret_good) {
		(void)err_errno(err, "cannot write %s/%s", s->path, name);
		(void)unlinkat(dir, temp, 0);
		return false;
	}
	*ret_good = strcmp(digest, wanted) == 0;
	if (*ret_good ? renameat(dir, temp, dir, base) != 0 : unlinkat(dir, temp, 0) != 0)
		return err_errno(err, "cannot put %s/%s in place", s->path, name);
	return true;
}
