/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files below a root that must not be left: openat2(RESOLVE_BENEATH|RESOLVE_NO_MAGICLINKS) where
 * the kernel has it (5.6), a component walk with O_NOFOLLOW otherwise.  Regular files only, opened
 * non-blocking, so that a FIFO or a device cannot hold the reader.
 */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>
#include <stdint.h>

struct fs_root;
/* path must be an absolute directory.  The device is pinned: see fs_root_gone. */
bool fs_root_open(const char *path, struct fs_root **ret, struct err *err) MUST_CHECK;
void fs_root_close(struct fs_root *r);
const char *fs_root_path(const struct fs_root *r);
/* True when the path now leads to another device, or has lost its directory named probe
 * ("artifact"): an unmounted disk. */
bool fs_root_gone(const struct fs_root *r, const char *probe);

enum fs_verdict {
	FS_OK,
	FS_MISSING,	/* ENOENT, ENOTDIR */
	FS_OUTSIDE,	/* leaves the root: symlink, "..", absolute path elsewhere */
	FS_NOT_REGULAR, /* FIFO, device, directory, socket */
	FS_DENIED,
	FS_TOO_LARGE, /* larger than max */
	FS_IO_ERROR
};
struct fs_file {
	char *data; /* owned by the caller, NUL added after len; malloc'ed */
	size_t len;
	/*
	 * Nanoseconds of the inode's last change (ctime; valid where the file exists): unlike mtime
	 * it also moves when owner or mode do, and when a backup puts a file back with its old
	 * times.
	 */
	int64_t changed;
	uint64_t inode; /* its number; valid as changed is */
	int64_t size;	/* as fstat says */
	int saved_errno;
};
/* Reads a whole file.  name is relative to the root, or absolute and then must lie below it. Thread
 * safe. */
enum fs_verdict fs_read(const struct fs_root *r, const char *name, size_t max, struct fs_file *out);
/* Opens for reading; size and time of change are in out.  The caller closes *ret_fd. */
enum fs_verdict fs_open(const struct fs_root *r, const char *name, int *ret_fd,
			struct fs_file *out);
/* size and time of change only, nothing is opened for reading.  Same verdicts. */
enum fs_verdict fs_stat(const struct fs_root *r, const char *name, struct fs_file *out);
/* The same of what is open; false: errno. */
bool fs_look(int fd, struct fs_file *out) MUST_CHECK;
/*
 * Removes a regular file; the last component of the name is no symlink that is followed.
 * FS_MISSING: it is gone already.
 */
enum fs_verdict fs_remove(const struct fs_root *r, const char *name);
/*
 * Reads a file for its speed: past the page cache (O_DIRECT), until its end, `until`
 * (clock_monotonic) or *bytes, which is added to, reaches most.  FS_IO_ERROR with EINVAL in
 * out->saved_errno: this file system has no such reads.
 */
enum fs_verdict fs_read_direct(const struct fs_root *r, const char *name, double until,
			       int64_t most, int64_t *bytes, struct fs_file *out);

/* All of it, however often write(2) takes less.  False: errno. */
bool fs_write_all(int fd, const void *data, size_t len) MUST_CHECK;
/* Writes by temp file, fsync, rename, fsync of the directory. */
bool fs_write_atomic(const char *path, const void *data, size_t len, unsigned mode,
		     struct err *err) MUST_CHECK;
bool fs_mkdirs(const char *path, unsigned mode, struct err *err) MUST_CHECK;
/* Removes a directory with all that is in it; no symlink is followed.  What is not there is not to
 * be removed. */
bool fs_remove_tree(const char *path, struct err *err) MUST_CHECK;
/* The directory part of a path, "." where it has none; caller frees. */
char *fs_directory_of(const char *path);
/* Makes the names in a directory durable. */
bool fs_sync_directory(const char *path, struct err *err) MUST_CHECK;
