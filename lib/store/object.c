/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at objects, and taking them away. */
#include "lib/store/object.h"

#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/hash.h"
#include "lib/pace/stint.h"
#include "lib/store/object_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 128 << 10 }; /* of a file, on the stack */

const char *object_verdict_word(enum object_verdict v)
{
	static const char *const words[] = { [OBJECT_GOOD] = "good",
					     [OBJECT_MISSING] = "missing",
					     [OBJECT_DIFFERS] = "damaged",
					     [OBJECT_FOREIGN] = "no regular file",
					     [OBJECT_UNREADABLE] = "unreadable" };

	return words[v];
}

void object_name(const char *sha256, char out[OBJECT_NAME_SIZE])
{
	snprintf(out, OBJECT_NAME_SIZE, "%.2s/%s", sha256, sha256 + 2);
}

/* The names in one directory of the store that are objects, without their first two characters. */
struct names {
	char (*all)[63];
	size_t n, room;
};

static bool is_object(int dir, const struct dirent *e)
{
	struct stat st;

	if (strlen(e->d_name) != SHA256_HEX - 2 || !sha256_is_hex(e->d_name, SHA256_HEX - 2))
		return false;
	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_REG;
	return fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static int by_name(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_HEX - 2);
}

static bool read_names(const struct repository *r, const char *shelf, struct names *names,
		       struct err *err)
{
	int fd =
		openat(repository_store(r), shelf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	names->n = 0;
	if (!d)
		return err_errno(err, "cannot read %s/store/%s", repository_dir(r), shelf);
	errno = 0;
	for (struct dirent *e; (e = readdir(d)) != NULL; errno = 0) {
		if (!is_object(dirfd(d), e))
			continue;
		if (names->n == names->room) {
			names->room = names->room ? 2 * names->room : 1024;
			names->all = xrealloc(names->all, names->room * sizeof(*names->all));
		}
		memcpy(names->all[names->n++], e->d_name, SHA256_HEX - 1);
	}
	int saved = errno;
	closedir(d);
	errno = saved;
	if (saved)
		return err_errno(err, "cannot read %s/store/%s", repository_dir(r), shelf);
	if (names->n)
		qsort(names->all, names->n, sizeof(*names->all), by_name);
	return true;
}

struct object_shelf {
	const struct repository *repository;
	char open[3];
	struct names names;
};

struct object_shelf *object_shelf_new(const struct repository *r)
{
	struct object_shelf *s = xcalloc(1, sizeof(*s));

	s->repository = r;
	return s;
}

void object_shelf_free(struct object_shelf *s)
{
	if (!s)
		return;
	free(s->names.all);
	free(s);
}

bool object_shelf_has(struct object_shelf *s, const char *sha256, bool *ret, struct err *err)
{
	if (memcmp(s->open, sha256, 2) != 0) {
		char shelf[3] = { sha256[0], sha256[1], '\0' };

		if (!read_names(s->repository, shelf, &s->names, err))
			return false;
		memcpy(s->open, shelf, sizeof(shelf));
	}
	*ret = s->names.n && bsearch(sha256 + 2, s->names.all, s->names.n, sizeof(*s->names.all),
				     by_name) != NULL;
	return true;
}

enum object_verdict object_open(const struct repository *r, const char *sha256, int *ret_fd,
				int64_t *ret_size)
{
	char name[OBJECT_NAME_SIZE];
	struct stat st;

	object_name(sha256, name);
	AUTO_FD int fd = openat(repository_store(r), name,
				O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT			  ? OBJECT_MISSING
		       : errno == ELOOP || errno == ENXIO ? OBJECT_FOREIGN
							  : OBJECT_UNREADABLE;
	if (fstat(fd, &st) != 0)
		return OBJECT_UNREADABLE;
	if (!S_ISREG(st.st_mode))
		return OBJECT_FOREIGN;
	*ret_fd = fd;
	*ret_size = st.st_size;
	fd = -1;
	return OBJECT_GOOD;
}

/* The next piece, 0 at the end; -1 with errno. */
static ssize_t next_piece(int fd, char buf[PIECE])
{
	ssize_t n;

	do
		n = read(fd, buf, PIECE);
	while (n < 0 && errno == EINTR && !stop_requested());
	if (!stop_requested())
		return n;
	errno = ECANCELED;
	return -1;
}

bool object_digest(int fd, int64_t size, struct stint *stint, char out[65])
{
	char buf[PIECE];
	ssize_t n = next_piece(fd, buf);

	/* Most are smaller than a piece; less than was asked for, and as much as fstat said, was
	 * the end. */
	if (n >= 0 && n < PIECE && n == size) {
		sha256_hex(buf, (size_t)n, out);
		return true;
	}
	struct sha256 *h = sha256_new();
	for (; n > 0; n = next_piece(fd, buf)) {
		sha256_add(h, buf, (size_t)n);
		if (stint)
			stint_pass(stint);
	}
	int saved = errno;
	sha256_end(h, out);
	sha256_free(h);
	errno = saved;
	return n == 0;
}

enum object_verdict object_verify(const struct repository *r, const char *sha256, int64_t size,
				  struct stint *stint)
{
	AUTO_FD int fd = -1;
	int64_t has = 0;
	char found[65];
	enum object_verdict verdict = object_open(r, sha256, &fd, &has);

	if (verdict != OBJECT_GOOD)
		return verdict;
	if (size >= 0 && size != has)
		return OBJECT_DIFFERS;
	if (!object_digest(fd, has, stint, found))
		return OBJECT_UNREADABLE;
	return strcmp(found, sha256) == 0 ? OBJECT_GOOD : OBJECT_DIFFERS;
}

bool object_walk(const struct repository *r,
		 bool (*fn)(void *arg, const char *sha256, struct err *err), void *arg,
		 struct err *err)
{
	struct names names = { 0 };
	bool ok = true;

	for (unsigned i = 0; ok && i < 256; i++) {
		char digest[65];

		snprintf(digest, sizeof(digest), "%02x", i);
		ok = read_names(r, digest, &names, err);
		for (size_t k = 0; ok && k < names.n; k++) {
			memcpy(digest + 2, names.all[k], SHA256_HEX - 1);
			ok = fn(arg, digest, err);
		}
	}
	free(names.all);
	return ok;
}

bool object_remove(const struct repository *r, const char *sha256, struct err *err)
{
	char name[OBJECT_NAME_SIZE];

	object_name(sha256, name);
	return unlinkat(repository_store(r), name, 0) == 0 || errno == ENOENT ||
	       err_errno(err, "cannot remove %s/store/%s", repository_dir(r), name);
}

bool object_size(const struct repository *r, const char *sha256, int64_t *ret, struct err *err)
{
	char name[OBJECT_NAME_SIZE];
	struct stat st;

	object_name(sha256, name);
	if (fstatat(repository_store(r), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_errno(err, "cannot look at %s/store/%s", repository_dir(r), name);
	*ret = st.st_size;
	return true;
}
