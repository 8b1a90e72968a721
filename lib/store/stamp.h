/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which file an object was copied from, and when that had changed last: then a file that is still
 * the same need not be read again to know its bytes.  The object itself says it, by its mtime, so
 * there is no index to be kept, and what does not copy times loses it and no more than that.
 *
 * The file's change time (ctime) moves with every write and nobody can set it; file systems give
 * many files the same, so the nanoseconds tell the inode, too.
 */
#pragma once
#include "lib/store/repository.h"
#include <time.h>

struct fs_file;

/* Of a file that is open and has not been read yet; now: clock_wall().  tv_nsec is UTIME_OMIT
 * where none can be given. */
struct timespec stamp_of(int fd, double now);
/* Gives it to what was copied.  Where the file system does not want it there is none. */
void stamp_put(int fd, struct timespec stamp);
/* Whether the file, as it is now, is the one that the object was copied from: false says nothing.
 */
bool stamp_fits(const struct repository *r, const char *sha256, const struct fs_file *file);
