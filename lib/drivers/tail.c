/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left of a file that was moved away is read before the one that took its place: who writes
 * goes on with the old one for a while, and only lines that come after that are lost. */
#include "lib/drivers/tail.h"
#include "lib/core/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_LINE = 8192, EACH_TIME = 8 }; /* buffers that one call reads at most */
static const off_t most_behind = 1 << 20;

struct tail {
	char *path;
	int fd;
	dev_t device;
	ino_t inode;
	off_t at;
	bool begun;    /* a file was open once: the next is read from its beginning */
	bool skipping; /* to the next line: this one is too long, or began before we did */
	size_t len;
	char part[LONGEST_LINE]; /* of a line whose end is still to come */
};

struct tail *tail_open(const char *path)
{
	struct tail *t = xcalloc(1, sizeof(*t));

	t->path = xstrdup(path);
	t->fd = -1;
	return t;
}

static void leave(struct tail *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->len = 0;
}

void tail_close(struct tail *t)
{
	if (!t)
		return;
	leave(t);
	free(t->path);
	free(t);
}

static void move_to(struct tail *t, off_t at)
{
	char before = '\n';

	t->at = at;
	t->len = 0;
	t->skipping = at > 0 && (pread(t->fd, &before, 1, at - 1) != 1 || before != '\n');
}

static bool open_file(struct tail *t)
{
	struct stat st;
	int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return false;
	}
	leave(t);
	t->fd = fd;
	t->device = st.st_dev;
	t->inode = st.st_ino;
	move_to(t, t->begun ? 0 : st.st_size);
	t->begun = true;
	return true;
}

static void split(struct tail *t, void (*fn)(void *arg, const char *line, size_t len), void *arg)
{
	char *line = t->part, *end = t->part + t->len, *stop;

	while ((stop = memchr(line, '\n', (size_t)(end - line)))) {
		if (!t->skipping)
			fn(arg, line, (size_t)(stop - line));
		t->skipping = false;
		line = stop + 1;
	}
	t->len = (size_t)(end - line);
	memmove(t->part, line, t->len);
	if (t->len == sizeof(t->part)) {
		t->skipping = true;
		t->len = 0;
	}
}

static void read_on(struct tail *t, void (*fn)(void *arg, const char *line, size_t len), void *arg)
{
	struct stat st;

	if (fstat(t->fd, &st) != 0)
		return;
	if (st.st_size < t->at)
		move_to(t, 0); /* truncated */
	else if (st.st_size - t->at > most_behind)
		move_to(t, st.st_size);
	for (int i = 0; i < EACH_TIME; i++) {
		ssize_t n = pread(t->fd, t->part + t->len, sizeof(t->part) - t->len, t->at);
		if (n <= 0)
			return;
		t->at += n;
		t->len += (size_t)n;
		split(t, fn, arg);
	}
}

bool tail_read(struct tail *t, void (*fn)(void *arg, const char *line, size_t len), void *arg)
{
	struct stat st;
	bool there = stat(t->path, &st) == 0;

	if (t->fd >= 0)
		read_on(t, fn, arg);
	if (!there || (t->fd >= 0 && st.st_dev == t->device && st.st_ino == t->inode))
		return there;
	if (!open_file(t))
		return false;
	read_on(t, fn, arg);
	return true;
}
