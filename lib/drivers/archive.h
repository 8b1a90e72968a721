/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Archives of files over libarchive: pax tar with zstd, as `tar --zstd -xpf` reads it, with owners,
 * modes, times, access lists, extended attributes (security labels among them), hard and symbolic
 * links, and names of any bytes.  Memory does not grow with the size of files, only with the number
 * of their names.
 */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/drivers/stream.h"
#include <stdint.h>

/* What is worth a line, and no reason to end.  lost: something is not in the archive, or not in the
 * directory, as it should be; else it was changing, "changed while it was read".  May be NULL. */
struct archive_listener {
	void (*tell)(void *arg, const char *path, const char *what, bool lost);
	void *arg;
};
struct archive_tally {
	int64_t entries, bytes; /* bytes: of the files in it */
	int64_t changing, lost; /* how often each was told */
};

struct archive_out;
/* level: of zstd, 1 to 19. */
bool archive_create(struct sink to, int level, const struct archive_listener *told,
		    struct archive_out **ret, struct err *err) MUST_CHECK;
/*
 * Adds what the absolute path leads to, the directories on the way, and all below it but what one
 * of the patterns matches (fnmatch(3) on the absolute path; NULL-terminated, may be NULL); names in
 * the archive are relative to /.  A symbolic link on the way is added and followed; those that are
 * found below are only added, so that no name in the archive goes through a link.  A path that is
 * not there adds nothing; once more is no mistake.
 */
bool archive_add(struct archive_out *a, const char *path, const char *const *except,
		 struct err *err) MUST_CHECK;
bool archive_end(struct archive_out *a, struct archive_tally *ret, struct err *err) MUST_CHECK;
void archive_out_free(struct archive_out *a); /* NULL is fine */

/* Reads all of it, names and contents.  ERR_DATA: it is damaged.  entry may be NULL; its texts are
 * borrowed for the call. */
bool archive_test(struct source from, void (*entry)(void *arg, const char *path, int64_t size),
		  void *arg, struct archive_tally *ret, struct err *err) MUST_CHECK;
/*
 * Adds the content of the file of this name ("etc/pulp/settings.py") to out; where it is a symbolic
 * link *link is what it says, which the caller frees, and *found is false.  ERR_DATA: the file has
 * more than max bytes.  Nothing behind it is read.
 */
bool archive_extract(struct source from, const char *name, size_t max, struct strbuf *out,
		     bool *found, char **link, struct err *err) MUST_CHECK;
/*
 * Unpacks below dir, which is there and empty: never outside of it (ERR_DATA: an entry would leave
 * it, by its name or through a link, or is no file, directory or link).  Owners are kept where we
 * are root.  For the main thread: it goes into dir meanwhile.
 */
bool archive_unpack(struct source from, const char *dir, const struct archive_listener *told,
		    struct archive_tally *ret, struct err *err) MUST_CHECK;
