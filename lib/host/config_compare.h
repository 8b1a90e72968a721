/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration that was unpacked beside, against the one that is installed. */
#pragma once
#include "lib/core/err.h"
#include <stdint.h>

struct config_difference {
	const char *path; /* where it is installed: "/etc/pulp/settings.py"; borrowed */
	const char *kind; /* missing, type, content, link, owner or mode: the first that is so */
};
struct config_compared {
	int64_t same, different, missing;
};
/* Calls fn for each file, directory and link below `unpacked` that is not the same below `root`
 * ("/" but for tests). */
bool config_compare(const char *unpacked, const char *root,
		    void (*fn)(void *arg, const struct config_difference *d), void *arg,
		    struct config_compared *ret, struct err *err) MUST_CHECK;
