/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts files below a root: whole under their names or not at all, with directories that are missing
 * made on the way.  They belong to the owner of the root, as what is there already.  Thread safe.
 */
#pragma once
#include "lib/core/err.h"
#include <stdint.h>

struct fs_sink;
/* path must be an absolute directory. */
bool fs_sink_open(const char *path, struct fs_sink **ret, struct err *err) MUST_CHECK;
void fs_sink_close(struct fs_sink *s); /* NULL is fine */
/* Called between two pieces of a large file; false ends the copy with errno. */
struct fs_between {
	bool (*fn)(void *arg);
	void *arg;
};
/*
 * Copies what the descriptor has to a temporary name beside name, and renames it when its SHA-256
 * is the wanted one; else *ret_good is false and nothing has changed.  name is relative, without
 * "..".  between may be NULL.  Durable after fs_sink_sync.
 */
bool fs_sink_put(const struct fs_sink *s, const char *name, int from, const char *wanted,
		 const struct fs_between *between, bool *ret_good, int64_t *ret_size,
		 struct err *err) MUST_CHECK;
bool fs_sink_sync(const struct fs_sink *s, struct err *err) MUST_CHECK;
