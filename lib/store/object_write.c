/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copying into the store.  A sync for each file would cost more than all else; so the files of a
 * batch are written to store/tmp, one syncfs makes all of them durable, and only then are they
 * named.  Each thread has a writer, batches and a directory of its own: in one that all share they
 * would wait for its lock at each file.
 */
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/hash.h"
#include "lib/pace/stint.h"
#include "lib/store/object.h"
#include "lib/store/object_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A batch: what a kill can take back at most, for each thread. */
enum { CHUNK = 256 << 10, BATCH_FILES = 4096, TEMP_NAME = 40 };
static const int64_t batch_bytes = INT64_C(512) << 20;

struct object_writer {
	const struct repository *repository;
	struct sha256 *hash;
	char *buf;
	unsigned number; /* of this writer: the name of its directory in store/tmp */
	bool has_directory;
	char (*batch)[65];
	size_t n;
	int64_t bytes;
	bool reflink;
	struct stint *stint; /* borrowed; NULL: nobody minds */
};

struct object_writer *object_writer_new(const struct repository *r)
{
	static atomic_uint writers; /* of this process so far */
	struct object_writer *w = xcalloc(1, sizeof(*w));

	w->repository = r;
	w->hash = sha256_new();
	w->buf = xmalloc(CHUNK);
	w->number = atomic_fetch_add(&writers, 1);
	w->batch = xcalloc(BATCH_FILES, sizeof(*w->batch));
	return w;
}

static void directory_name(const struct object_writer *w, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, "tmp/%u", w->number);
}

void object_writer_free(struct object_writer *w)
{
	char name[TEMP_NAME];

	if (!w)
		return;
	/* With something in it, it is the next backup's to sweep. */
	directory_name(w, name);
	if (w->has_directory)
		(void)unlinkat(repository_store(w->repository), name, AT_REMOVEDIR);
	sha256_free(w->hash);
	free(w->buf);
	free(w->batch);
	free(w);
}

void object_writer_reflink(struct object_writer *w)
{
	w->reflink = true;
}

void object_writer_pace(struct object_writer *w, struct stint *stint)
{
	w->stint = stint;
}

static void temp_name(const struct object_writer *w, size_t i, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, "tmp/%u/%zu", w->number, i);
}

static bool cannot_write(const struct object_writer *w, struct err *err)
{
	int saved = errno;

	(void)err_errno(err, "cannot write to %s/store", repository_dir(w->repository));
	return saved == ENOSPC || saved == EDQUOT
		       ? err_hint(err, "Make room and run the same command again: what is in the "
				       "store is not copied again.")
		       : false;
}

static bool make_directory(struct object_writer *w, struct err *err)
{
	char name[TEMP_NAME];

	directory_name(w, name);
	if (!w->has_directory && mkdirat(repository_store(w->repository), name, 0700) != 0)
		return cannot_write(w, err);
	w->has_directory = true;
	return true;
}

/* One pass: read, hashed, written; to is -1 where the bytes are shared already. */
static bool copy(struct object_writer *w, int from, int to, struct object_copy *ret,
		 struct err *err)
{
	ssize_t n;

	ret->size = 0;
	ret->verdict = OBJECT_GOOD;
	while ((n = read(from, w->buf, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (stop_requested())
			return err_set(err, ERR_STOPPED, "stopped while a file was copied");
		if (n < 0) {
			ret->verdict = OBJECT_UNREADABLE;
			ret->saved_errno = errno;
			break;
		}
		sha256_add(w->hash, w->buf, (size_t)n);
		ret->size += n;
		if (to >= 0 && !fs_write_all(to, w->buf, (size_t)n))
			return cannot_write(w, err);
		if (w->stint)
			stint_pass(w->stint);
	}
	return true;
}

bool object_put(struct object_writer *w, int from, const char *wanted, struct object_copy *ret,
		struct err *err)
{
	const int store = repository_store(w->repository);
	char name[TEMP_NAME];

	if (((w->n == BATCH_FILES || w->bytes >= batch_bytes) && !object_writer_flush(w, err)) ||
	    !make_directory(w, err))
		return false;
	temp_name(w, w->n, name);
	AUTO_FD int to =
		openat(store, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0440);
	if (to < 0)
		return cannot_write(w, err);
	/* What is hashed is what was cloned: the source may change meanwhile. */
	bool cloned = w->reflink && ioctl(to, FICLONE, from) == 0;
	bool ok = cloned ? copy(w, to, -1, ret, err) : copy(w, from, to, ret, err);
	sha256_end(w->hash, ret->sha256);
	if (ok && ret->verdict == OBJECT_GOOD && wanted && strcmp(ret->sha256, wanted) != 0)
		ret->verdict = OBJECT_DIFFERS;
	if (!ok || ret->verdict != OBJECT_GOOD) {
		(void)unlinkat(store, name, 0);
		return ok;
	}
	memcpy(w->batch[w->n++], ret->sha256, sizeof(ret->sha256));
	w->bytes += ret->size;
	return true;
}

bool object_writer_flush(struct object_writer *w, struct err *err)
{
	const int store = repository_store(w->repository);
	size_t n = w->n;

	/* A batch has one try: the kernel tells of bytes that it has lost only once. */
	w->n = 0;
	w->bytes = 0;
	if (n && syncfs(store) != 0)
		return cannot_write(w, err);
	for (size_t i = 0; i < n; i++) {
		char temp[TEMP_NAME], name[OBJECT_NAME_SIZE];

		temp_name(w, i, temp);
		object_name(w->batch[i], name);
		if (renameat(store, temp, store, name) != 0)
			return cannot_write(w, err);
	}
	return true;
}

bool object_sweep(const struct repository *r, struct err *err)
{
	int fd =
		openat(repository_store(r), "tmp", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	bool ok = true;

	if (!d)
		return err_errno(err, "cannot read %s/store/tmp", repository_dir(r));
	for (struct dirent *e; ok && (e = readdir(d)) != NULL;) {
		AUTO_FREE char *path = xasprintf("%s/store/tmp/%s", repository_dir(r), e->d_name);

		ok = e->d_name[0] == '.' || fs_remove_tree(path, err);
	}
	closedir(d);
	return ok;
}
