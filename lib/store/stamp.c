/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes within one tick of the clock leave one change time.  So a file that changed a moment
 * before it is read has no stamp, as in git's index: of any other a write that comes while it is
 * read, or later, moves the time to one that no stamp has, and there is no need to look a second
 * time.
 */
#include "lib/store/stamp.h"

#include "lib/drivers/fs.h"
#include "lib/store/object_internal.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

static const int64_t second = 1000000000; /* nanoseconds */
static const double settled = 2; /* seconds: the longest tick that a file system has, FAT's */

/* Never none: an object without a stamp has the time when it was written, and a file that changed
 * at that very moment is not the one that was read. */
static int64_t offset_of(uint64_t inode)
{
	return 1 + (int64_t)((inode * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % (second - 1);
}

static struct timespec made_of(int64_t changed, uint64_t inode)
{
	return (struct timespec){ .tv_sec = changed / second,
				  .tv_nsec = (changed % second + offset_of(inode)) % second };
}

struct timespec stamp_of(int fd, double now)
{
	const struct timespec none = { .tv_nsec = UTIME_OMIT };
	struct fs_file file;

	if (!fs_look(fd, &file) || file.changed <= 0 ||
	    (double)file.changed / (double)second + settled > now)
		return none;
	return made_of(file.changed, file.inode);
}

void stamp_put(int fd, struct timespec stamp)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, stamp };

	(void)!futimens(fd, times);
}

bool stamp_fits(const struct repository *r, const char *sha256, const struct fs_file *file)
{
	const struct timespec wanted = made_of(file->changed, file->inode);
	char name[OBJECT_NAME_SIZE];
	struct stat st;

	object_name(sha256, name);
	return file->changed > 0 &&
	       fstatat(repository_store(r), name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_size == file->size &&
	       st.st_mtim.tv_sec == wanted.tv_sec && st.st_mtim.tv_nsec == wanted.tv_nsec;
}
