/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/drivers/behind.h"

#include "lib/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Pieces that are on their way at once, and the least of one, in bytes. */
enum { PIECES = 16, LEAST = 64 << 10 };

struct behind {
	struct {
		int fd; /* our own; -1: none */
		int64_t offset, bytes;
	} piece[PIECES];
	unsigned next;
};

struct behind *behind_new(void)
{
	struct behind *b = xcalloc(1, sizeof(*b));

	for (unsigned i = 0; i < PIECES; i++)
		b->piece[i].fd = -1;
	return b;
}

void behind_free(struct behind *b)
{
	for (unsigned i = 0; b && i < PIECES; i++)
		if (b->piece[i].fd >= 0)
			close(b->piece[i].fd);
	free(b);
}

/* Some file systems know neither call: there it stays in memory. */
static bool unknown(int error)
{
	return error == ENOSYS || error == EINVAL || error == ESPIPE || error == EOPNOTSUPP;
}

static bool drop(struct behind *b, unsigned i)
{
	const unsigned all =
		SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	int fd = b->piece[i].fd;

	if (fd < 0)
		return true;
	b->piece[i].fd = -1;
	bool ok = sync_file_range(fd, b->piece[i].offset, b->piece[i].bytes, all) == 0 ||
		  unknown(errno);
	int saved = errno;
	(void)posix_fadvise(fd, b->piece[i].offset, b->piece[i].bytes, POSIX_FADV_DONTNEED);
	close(fd);
	errno = saved;
	return ok;
}

bool behind_wrote(struct behind *b, int fd, int64_t offset, int64_t bytes)
{
	unsigned i = b->next;

	if (bytes < LEAST)
		return true;
	if (!drop(b, i))
		return false;
	b->next = (i + 1) % PIECES;
	/* Without a descriptor more it stays in memory, too. */
	b->piece[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	b->piece[i].offset = offset;
	b->piece[i].bytes = bytes;
	return sync_file_range(fd, offset, bytes, SYNC_FILE_RANGE_WRITE) == 0 || unknown(errno);
}
