/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copying into the store.  A sync for each file would cost more than all else; so the files of a
 * batch are written to store/tmp, one syncfs makes all of them durable, and only then are they
 * named.  Each thread has a writer, batches and a directory of its own: in one that all share they
 * would wait for its lock at each file.
 *
 * Below store/tmp a file has the name already that it is to have, so that a shelf of which the
 * store has nothing yet is named by one rename of its directory; a rename of each file is a third
 * of what copying a small one costs.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/behind.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/hash.h"
#include "lib/pace/stint.h"
#include "lib/store/object.h"
#include "lib/store/object_internal.h"
#include "lib/store/stamp.h"

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
enum { CHUNK = 256 << 10, BATCH_FILES = 4096, SHELVES = 256, TEMP_NAME = 96, DIR_MODE = 0700 };
static const int64_t batch_bytes = INT64_C(256) << 20;

/* One of the 256 directories of a writer.  Spoiled: it has something that must not be named. */
enum shelf { SHELF_NONE, SHELF_MADE, SHELF_SPOILED, SHELF_NAMED };

struct object_writer {
	const struct repository *repository;
	struct sha256 *hash;
	char *buf;
	unsigned number; /* of this writer: the name of its directory in store/tmp */
	/* The store, opened by this writer; -1 before it has anything.  Of bytes that were lost the
	 * kernel tells each open file once: on one that all share, another writer would hear it. */
	int disk;
	bool has_directory;
	unsigned char shelves[SHELVES]; /* enum shelf */
	char (*batch)[65];
	size_t n;
	int64_t bytes;
	bool reflink;
	struct stint *stint; /* borrowed; NULL: nobody minds */
	struct behind *behind;
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
	w->behind = behind_new();
	w->disk = -1;
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
	behind_free(w->behind);
	auto_close(&w->disk);
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

static void shelf_name(const struct object_writer *w, unsigned shelf, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, "tmp/%u/%02x", w->number, shelf);
}

/* A copy of what is not known before it is read. */
static void nameless(const struct object_writer *w, char out[TEMP_NAME])
{
	snprintf(out, TEMP_NAME, "tmp/%u/new", w->number);
}

static void temp_name(const struct object_writer *w, const char *sha256, char out[TEMP_NAME])
{
	char name[OBJECT_NAME_SIZE];

	object_name(sha256, name);
	snprintf(out, TEMP_NAME, "tmp/%u/%s", w->number, name);
}

static unsigned shelf_of(const char *sha256)
{
	const char text[3] = { sha256[0], sha256[1], '\0' };

	return (unsigned)strtoul(text, NULL, 16) % SHELVES;
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

	if (w->disk < 0)
		w->disk = openat(repository_store(w->repository), ".",
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (w->disk < 0)
		return cannot_write(w, err);
	directory_name(w, name);
	if (!w->has_directory && mkdirat(repository_store(w->repository), name, DIR_MODE) != 0)
		return cannot_write(w, err);
	w->has_directory = true;
	return true;
}

static bool make_shelf(struct object_writer *w, unsigned shelf, struct err *err)
{
	char name[TEMP_NAME];

	if (w->shelves[shelf] != SHELF_NONE)
		return true;
	shelf_name(w, shelf, name);
	if (mkdirat(repository_store(w->repository), name, DIR_MODE) != 0)
		return cannot_write(w, err);
	w->shelves[shelf] = SHELF_MADE;
	return true;
}

/* Of what has been written something may be lost, and nobody will tell again: nothing of it is
 * named. */
static void lose_batch(struct object_writer *w)
{
	w->n = 0;
	w->bytes = 0;
	memset(w->shelves, SHELF_SPOILED, sizeof(w->shelves));
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
		if (to >= 0 && !behind_wrote(w->behind, to, ret->size - n, n)) {
			(void)cannot_write(w, err);
			lose_batch(w);
			return false;
		}
		if (w->stint)
			stint_pass(w->stint);
	}
	return true;
}

/* The bytes that from has, hashed and, unless to is -1, written. */
static bool take_in(struct object_writer *w, int from, int to, const char *wanted,
		    struct object_copy *ret, struct err *err)
{
	/* What is hashed is what was cloned: the source may change meanwhile. */
	bool cloned = to >= 0 && w->reflink && ioctl(to, FICLONE, from) == 0;
	bool ok = cloned ? copy(w, to, -1, ret, err) : copy(w, from, to, ret, err);

	sha256_end(w->hash, ret->sha256);
	if (ok && ret->verdict == OBJECT_GOOD && wanted && strcmp(ret->sha256, wanted) != 0)
		ret->verdict = OBJECT_DIFFERS;
	return ok;
}

/* Into the batch, under the name that it is to have. */
static bool join_batch(struct object_writer *w, const char *name, const char *sha256,
		       struct err *err)
{
	const int store = repository_store(w->repository);
	char known[TEMP_NAME];

	temp_name(w, sha256, known);
	if (strcmp(name, known) != 0) {
		if (faccessat(store, known, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return unlinkat(store, name, 0) == 0 || cannot_write(w, err);
		if (!make_shelf(w, shelf_of(sha256), err))
			return false;
		if (renameat(store, name, store, known) != 0)
			return cannot_write(w, err);
	}
	memcpy(w->batch[w->n++], sha256, sizeof(*w->batch));
	return true;
}

bool object_put(struct object_writer *w, int from, const char *wanted, struct object_copy *ret,
		struct err *err)
{
	const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
	const int store = repository_store(w->repository);
	char name[TEMP_NAME];

	if (((w->n == BATCH_FILES || w->bytes >= batch_bytes) && !object_writer_flush(w, err)) ||
	    !make_directory(w, err) || (wanted && !make_shelf(w, shelf_of(wanted), err)))
		return false;
	if (wanted)
		temp_name(w, wanted, name);
	else
		nameless(w, name);
	AUTO_FD int to = openat(store, name, flags | (wanted ? O_EXCL : O_TRUNC), 0440);
	/* Rows of several domains may name the same bytes: a batch has them once. */
	if (to < 0 && wanted && errno == EEXIST)
		return take_in(w, from, -1, wanted, ret, err);
	if (to < 0)
		return cannot_write(w, err);
	const struct timespec stamp = stamp_of(from, clock_wall());
	bool ok = take_in(w, from, to, wanted, ret, err);
	if (!ok || ret->verdict != OBJECT_GOOD) {
		if (unlinkat(store, name, 0) != 0 && wanted)
			w->shelves[shelf_of(wanted)] = SHELF_SPOILED;
		return ok;
	}
	stamp_put(to, stamp); /* after the last write, which sets the time, too */
	w->bytes += ret->size;
	return join_batch(w, name, ret->sha256, err);
}

/* Shelves of which the store has nothing.  Where this cannot be, files are named one by one. */
static void name_shelves(struct object_writer *w)
{
	const int store = repository_store(w->repository);

	for (unsigned i = 0; i < SHELVES; i++) {
		char temp[TEMP_NAME], name[3];

		if (w->shelves[i] != SHELF_MADE)
			continue;
		shelf_name(w, i, temp);
		snprintf(name, sizeof(name), "%02x", i);
		if (renameat(store, temp, store, name) == 0)
			w->shelves[i] = SHELF_NAMED;
	}
}

static bool name_files(struct object_writer *w, size_t n, struct err *err)
{
	const int store = repository_store(w->repository);

	for (size_t i = 0; i < n; i++) {
		char temp[TEMP_NAME], name[OBJECT_NAME_SIZE];

		if (w->shelves[shelf_of(w->batch[i])] == SHELF_NAMED)
			continue;
		temp_name(w, w->batch[i], temp);
		object_name(w->batch[i], name);
		if (renameat(store, temp, store, name) != 0)
			return cannot_write(w, err);
	}
	return true;
}

/* What is left in one, it cannot be removed with, and is the next backup's to sweep. */
static void clear_shelves(struct object_writer *w)
{
	for (unsigned i = 0; i < SHELVES; i++) {
		char temp[TEMP_NAME];

		shelf_name(w, i, temp);
		if (w->shelves[i] == SHELF_NAMED ||
		    (w->shelves[i] != SHELF_NONE &&
		     unlinkat(repository_store(w->repository), temp, AT_REMOVEDIR) == 0))
			w->shelves[i] = SHELF_NONE;
	}
}

bool object_writer_flush(struct object_writer *w, struct err *err)
{
	size_t n = w->n;

	/* A batch has one try: the kernel tells of bytes that it has lost only once. */
	w->n = 0;
	w->bytes = 0;
	if (n && syncfs(w->disk) != 0) {
		(void)cannot_write(w, err);
		lose_batch(w);
		return false;
	}
	if (n)
		name_shelves(w);
	bool ok = name_files(w, n, err);
	clear_shelves(w);
	return ok;
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
