/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files in pieces. */
#include "lib/drivers/pieces.h"
#include "lib/core/mem.h"
#include "lib/drivers/fs.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PIECES = 1000 }; /* three digits, so that a shell lists them in their order */

struct pieces_out {
	char *path;
	int64_t max, in_piece, bytes;
	size_t files;
	int fd;
};
struct pieces_in {
	char *path;
	bool whole;
	size_t next;
	int fd;
};

static char *piece_name(const char *path, size_t i)
{
	return xasprintf("%s.%03zu", path, i);
}

static bool is_piece(const char *name, const char *base)
{
	size_t len = strlen(base);

	if (strncmp(name, base, len) != 0)
		return false;
	return !name[len] ||
	       (name[len] == '.' && strspn(name + len + 1, "0123456789") == 3 && !name[len + 4]);
}

bool pieces_remove(const char *path, struct err *err)
{
	AUTO_FREE char *where = fs_directory_of(path);
	const char *base = strrchr(path, '/');
	DIR *dir = opendir(where);
	bool ok = dir != NULL;

	base = base ? base + 1 : path;
	for (struct dirent *e; ok && (e = readdir(dir));)
		ok = !is_piece(e->d_name, base) || unlinkat(dirfd(dir), e->d_name, 0) == 0;
	if (!ok)
		err_errno(err, "cannot remove %s", path);
	if (dir)
		closedir(dir);
	return ok;
}

bool pieces_there(const char *path)
{
	AUTO_FREE char *first = piece_name(path, 0);
	struct stat st;

	return lstat(path, &st) == 0 || lstat(first, &st) == 0;
}

static bool close_piece(struct pieces_out *p, struct err *err)
{
	if (p->fd < 0)
		return true;
	bool ok = fsync(p->fd) == 0;

	ok = (close(p->fd) == 0 && ok) || err_errno(err, "cannot make %s durable", p->path);
	p->fd = -1;
	return ok;
}

static bool next_piece(struct pieces_out *p, struct err *err)
{
	AUTO_FREE char *name = p->max ? piece_name(p->path, p->files) : xstrdup(p->path);

	if (!close_piece(p, err))
		return false;
	if (p->files == MOST_PIECES) {
		err_set(err, ERR_IO, "%s would be more than %d pieces", p->path, MOST_PIECES);
		return err_hint(err, "Allow larger files.");
	}
	p->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return err_errno(err, "cannot make %s", name);
	p->files++;
	p->in_piece = 0;
	return true;
}

static bool put(void *arg, const void *bytes, size_t n, struct err *err)
{
	struct pieces_out *p = arg;

	for (const char *at = bytes; n > 0;) {
		if (p->max && p->in_piece == p->max && !next_piece(p, err))
			return false;
		size_t part = p->max && (int64_t)n > p->max - p->in_piece
				      ? (size_t)(p->max - p->in_piece)
				      : n;

		if (!fs_write_all(p->fd, at, part))
			return err_errno(err, "cannot write %s", p->path);
		at += part;
		n -= part;
		p->in_piece += (int64_t)part;
		p->bytes += (int64_t)part;
	}
	return true;
}

bool pieces_create(const char *path, int64_t max, struct pieces_out **ret, struct err *err)
{
	/* What an earlier attempt has left would be read with what is written now. */
	if (!pieces_remove(path, err))
		return false;
	struct pieces_out *p = xcalloc(1, sizeof *p);

	*p = (struct pieces_out){ .path = xstrdup(path), .max = max, .fd = -1 };
	if (!next_piece(p, err)) {
		pieces_out_free(p);
		return false;
	}
	*ret = p;
	return true;
}

struct sink pieces_sink(struct pieces_out *p)
{
	return (struct sink){ .put = put, .arg = p };
}

bool pieces_end(struct pieces_out *p, size_t *ret_files, int64_t *ret_bytes, struct err *err)
{
	AUTO_FREE char *where = fs_directory_of(p->path);

	if (!close_piece(p, err) || !fs_sync_directory(where, err))
		return false;
	if (ret_files)
		*ret_files = p->files;
	if (ret_bytes)
		*ret_bytes = p->bytes;
	return true;
}

void pieces_out_free(struct pieces_out *p)
{
	if (!p)
		return;
	auto_close(&p->fd);
	free(p->path);
	free(p);
}

static int open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

/* *there is false where no piece of that number is. */
static bool open_piece(struct pieces_in *p, bool *there, struct err *err)
{
	AUTO_FREE char *name = piece_name(p->path, p->next);

	p->fd = open_regular(name);
	*there = p->fd >= 0;
	if (p->fd < 0 && errno != ENOENT)
		return err_errno(err, "cannot open %s", name);
	p->next++;
	return true;
}

bool pieces_open(const char *path, struct pieces_in **ret, struct err *err)
{
	struct pieces_in p = { .path = xstrdup(path), .fd = open_regular(path) };
	bool ok = p.fd >= 0;

	p.whole = ok;
	if (!ok && errno != ENOENT) {
		err_errno(err, "cannot open %s", path);
	} else if (!ok) {
		bool there = false;

		ok = open_piece(&p, &there, err) &&
		     (there ||
		      err_set(err, ERR_NOT_FOUND, "there is neither %s nor %s.000", path, path));
	}
	if (!ok) {
		free(p.path);
		return false;
	}
	*ret = xmalloc(sizeof p);
	**ret = p;
	return true;
}

static bool get(void *arg, void *bytes, size_t room, size_t *ret_n, struct err *err)
{
	struct pieces_in *p = arg;

	*ret_n = 0;
	while (p->fd >= 0) {
		ssize_t n = read(p->fd, bytes, room);
		bool there;

		if (n > 0) {
			*ret_n = (size_t)n;
			return true;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "cannot read %s", p->path);
		auto_close(&p->fd);
		p->fd = -1;
		if (!p->whole && !open_piece(p, &there, err))
			return false;
	}
	return true;
}

struct source pieces_source(struct pieces_in *p)
{
	return (struct source){ .get = get, .arg = p };
}

void pieces_in_free(struct pieces_in *p)
{
	if (!p)
		return;
	auto_close(&p->fd);
	free(p->path);
	free(p);
}
