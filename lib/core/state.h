/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state directory of this host: where the journal and the lock live. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

/* Makes it, with parents, mode 0750, when it is missing. */
bool state_dir_make(const char *path, struct err *err) MUST_CHECK;
/* Opens name inside it, O_CLOEXEC and never through a symlink. */
bool state_open(const char *dir, const char *name, int flags, int *ret_fd,
		struct err *err) MUST_CHECK;
/* A short text whole, with an end behind it; what is longer than its room is cut.  *found is false
 * where there is none. */
bool state_read(const char *dir, const char *name, char *ret, size_t size, bool *found,
		struct err *err) MUST_CHECK;
/* Both durable.  What is not there is not to be removed. */
bool state_rename(const char *dir, const char *from, const char *to, struct err *err) MUST_CHECK;
bool state_remove(const char *dir, const char *name, struct err *err) MUST_CHECK;
/* Removes those whose name begins so, but for the newest; one that cannot be removed stays. */
void state_keep_newest(const char *dir, const char *prefix, size_t keep);
/* Makes a new or renamed name inside it durable. */
bool state_sync(const char *dir, struct err *err) MUST_CHECK;
