/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/core/mem.h"
#include "lib/drivers/behind.h"
#include "lib/drivers/fs.h"
#include "tests/harness/tap.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PIECE = 256 << 10, PIECES = 64, PAGE = 4096, GONE = 16 };
static char buf[PIECE], again[PIECE];

static int open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Pages of the file's beginning that are in memory. */
static size_t resident(int fd, size_t bytes)
{
	unsigned char in[GONE * PIECE / PAGE];
	void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	size_t n = 0;

	if (!CHECK(at != MAP_FAILED) || !CHECK(mincore(at, bytes, in) == 0))
		return SIZE_MAX;
	for (size_t i = 0; i < bytes / PAGE; i++)
		n += in[i] & 1;
	munmap(at, bytes);
	return n;
}

TEST(what_was_written_leaves_memory_and_is_whole)
{
	char path[] = "/var/tmp/plmaint-behind-XXXXXX";
	int fd = mkstemp(path), before = open_fds();
	struct behind *b = behind_new();
	struct statfs fs;

	REQUIRE(fd >= 0 && fstatfs(fd, &fs) == 0);
	for (int i = 0; i < PIECES; i++) {
		memset(buf, 'a' + i % 26, PIECE);
		REQUIRE(fs_write_all(fd, buf, PIECE));
		CHECK(behind_wrote(b, fd, (int64_t)i * PIECE, PIECE));
	}
	/* Others, as overlayfs, keep them; a page that somebody holds at the moment stays, too. */
	if (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC)
		CHECK(resident(fd, (size_t)GONE * PIECE) <= GONE * PIECE / PAGE / 10);
	behind_free(b);
	CHECK_INT(open_fds(), before);
	for (int i = 0; i < PIECES; i++) {
		memset(buf, 'a' + i % 26, PIECE);
		CHECK(pread(fd, again, PIECE, (off_t)i * PIECE) == PIECE);
		CHECK(memcmp(buf, again, PIECE) == 0);
	}
	close(fd);
	unlink(path);
}

/* A pipe has neither pages nor a disk. */
TEST(what_cannot_be_dropped_is_no_error)
{
	struct behind *b = behind_new();
	int ends[2];

	REQUIRE(pipe(ends) == 0);
	for (int i = 0; i < PIECES; i++)
		CHECK(behind_wrote(b, ends[1], 0, PIECE));
	behind_free(b);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	static const struct tap_row rows[] = {
		row(what_was_written_leaves_memory_and_is_whole),
		row(what_cannot_be_dropped_is_no_error),
	};

	return tap_run(rows, (int)ARRAY_LEN(rows));
}
