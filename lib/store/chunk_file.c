/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/store/chunk_file.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bytes that a thread keeps: most members are smaller, and a page of a table may point at any
 * amount of large values.  And those read at once. */
enum { KEPT = 2 << 20, READ = 256 << 10 };

struct chunk_file {
	int fd;
	char *path;
	pthread_mutex_t mutex; /* of who writes, for all of a member */
	int64_t size;
};

bool chunk_file_create(const char *path, struct chunk_file **ret, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0)
		return err_errno(err, "cannot write %s", path);
	struct chunk_file *f = xcalloc(1, sizeof(*f));
	f->fd = fd;
	f->path = xstrdup(path);
	pthread_mutex_init(&f->mutex, NULL);
	*ret = f;
	return true;
}

static void release(struct chunk_file *f)
{
	pthread_mutex_destroy(&f->mutex);
	free(f->path);
	free(f);
}

bool chunk_file_close(struct chunk_file *f, struct err *err)
{
	bool ok = close(f->fd) == 0 || err_errno(err, "cannot write %s", f->path);

	release(f);
	return ok;
}

void chunk_file_abandon(struct chunk_file *f)
{
	close(f->fd);
	release(f);
}

struct chunk_member {
	struct chunk_file *file;
	struct strbuf kept;
	struct sha256 *sha256;
	bool holds; /* the file's mutex */
	int64_t offset, length;
	char *piece; /* READ bytes */
};

struct chunk_member *chunk_member_new(void)
{
	struct chunk_member *m = xcalloc(1, sizeof(*m));

	m->sha256 = sha256_new();
	m->piece = xmalloc(READ);
	return m;
}

void chunk_member_free(struct chunk_member *m)
{
	if (!m)
		return;
	sha256_free(m->sha256);
	strbuf_release(&m->kept);
	free(m->piece);
	free(m);
}

void chunk_member_begin(struct chunk_member *m, struct chunk_file *f)
{
	m->file = f;
	m->length = 0;
	strbuf_clear(&m->kept);
}

/* What is kept goes to the file, which is ours from now on. */
static bool spill(struct chunk_member *m, struct err *err)
{
	struct chunk_file *f = m->file;

	if (!m->holds) {
		pthread_mutex_lock(&f->mutex);
		m->holds = true;
		m->offset = f->size;
	}
	if (!fs_write_all(f->fd, m->kept.data, m->kept.len))
		return err_errno(err, "cannot write %s", f->path);
	f->size += (int64_t)m->kept.len;
	strbuf_clear(&m->kept);
	return true;
}

static void let_go(struct chunk_member *m)
{
	if (m->holds)
		pthread_mutex_unlock(&m->file->mutex);
	m->holds = false;
}

bool chunk_member_add(struct chunk_member *m, const void *data, size_t len, struct err *err)
{
	sha256_add(m->sha256, data, len);
	strbuf_add(&m->kept, data, len);
	m->length += (int64_t)len;
	return m->kept.len < KEPT || spill(m, err);
}

/* What was added becomes a part of the file. */
static bool commit(struct chunk_member *m, struct chunk *ret, struct err *err)
{
	bool ok = spill(m, err);

	ret->offset = m->offset;
	ret->length = m->length;
	let_go(m);
	return ok;
}

/* Nothing of it stays. */
static bool undo(struct chunk_member *m, struct err *err)
{
	struct chunk_file *f = m->file;
	bool ok = true;

	if (m->holds) {
		ok = (ftruncate(f->fd, m->offset) == 0 &&
		      lseek(f->fd, m->offset, SEEK_SET) == m->offset) ||
		     err_errno(err, "cannot write %s", f->path);
		f->size = m->offset;
	}
	let_go(m);
	return ok;
}

bool chunk_member_end(struct chunk_member *m, struct chunk *ret, struct err *err)
{
	sha256_end(m->sha256, ret->sha256);
	return commit(m, ret, err);
}

void chunk_member_cancel(struct chunk_member *m)
{
	char ignored[SHA256_HEX + 1];

	sha256_end(m->sha256, ignored);
	let_go(m);
}

/* *read is false where the file ends too soon or cannot be read. */
static bool copy(struct chunk_member *m, int fd, const struct chunk *c, bool *read, struct err *err)
{
	*read = true;
	for (int64_t done = 0; done < c->length;) {
		size_t most = c->length - done < READ ? (size_t)(c->length - done) : READ;
		ssize_t n = pread(fd, m->piece, most, c->offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		*read = n > 0;
		if (!*read)
			return true;
		if (!chunk_member_add(m, m->piece, (size_t)n, err))
			return false;
		done += n;
	}
	return true;
}

bool chunk_member_take(struct chunk_member *m, struct chunk_file *f, int fd, const struct chunk *c,
		       struct chunk *ret, bool *good, struct err *err)
{
	chunk_member_begin(m, f);
	bool ok = copy(m, fd, c, good, err);
	sha256_end(m->sha256, ret->sha256);
	*good = ok && *good && strcmp(ret->sha256, c->sha256) == 0;
	if (*good)
		return commit(m, ret, err);
	if (ok)
		return undo(m, err);
	let_go(m);
	return false;
}
