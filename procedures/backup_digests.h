/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sizes and digests of the files of a backup, by several threads. */
#pragma once
#include "lib/core/config.h"
#include "lib/store/manifest.h"

struct digests;
/* Begins with f[0] to f[n - 1], of which the paths below dir are set and the sizes are known; f and
 * dir are borrowed until digests_end. */
bool digests_begin(const struct config *config, const char *dir, struct manifest_file *f, size_t n,
		   struct digests **ret, struct err *err) MUST_CHECK;
/* Waits until all are there. */
bool digests_end(struct digests *d, struct err *err) MUST_CHECK;
