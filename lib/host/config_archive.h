/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration of this host as one archive of a backup's directory: config.tar.zst, with .age
 * or .gpg behind it where it is encrypted, and in pieces where a medium takes no larger files.  By
 * hand: cat config.tar.zst.age* | age --decrypt -i KEYS | tar --zstd -xpf - --xattrs -C DIR
 */
#pragma once
#include "lib/drivers/archive.h"
#include "lib/host/feature_files.h"
#include <stddef.h>

struct config_archive {
	const char *directory; /* of the backup */
	struct feature_choice features;
	const char *const *more; /* paths beside those of the table; NULL-terminated, may be NULL */
	const char *encrypt;	 /* "age:FILE" or "gpg:WHO" (lib/drivers/cipher.h); NULL: not */
	int64_t max_file_size;	 /* bytes; 0: one file of any size */
	int level;		 /* of zstd, 1 to 19 */
	struct archive_listener told;
};
struct config_written {
	struct archive_tally tally;
	size_t files; /* of the archive */
	int64_t bytes;
};
/* Replaces what an earlier attempt has left there. */
bool config_archive_write(const struct config_archive *c, struct config_written *ret,
			  struct err *err) MUST_CHECK;

/* The archive of a backup's directory, without the numbers of pieces; caller frees.  ERR_NOT_FOUND;
 * ERR_DATA: there are two. */
bool config_archive_find(const char *directory, char **ret, struct err *err) MUST_CHECK;
/* Reads all of it.  identity: see cipher_decrypt. */
bool config_archive_test(const char *directory, const char *identity, struct archive_tally *ret,
			 struct err *err) MUST_CHECK;
/* Adds a file of it to out, by the path where it was installed; links are followed.  *found is
 * false where there is none. */
bool config_archive_file(const char *directory, const char *identity, const char *path, size_t max,
			 struct strbuf *out, bool *found, struct err *err) MUST_CHECK;
/* Unpacks it into a directory of its own, which is made, or is there and empty; mode 0700. */
bool config_archive_unpack(const char *directory, const char *identity, const char *into,
			   const struct archive_listener *told, struct archive_tally *ret,
			   struct err *err) MUST_CHECK;
