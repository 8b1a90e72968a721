/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the file system of a path is mounted here. */
#pragma once
#include "lib/core/err.h"

struct mount {
	char point[256], type[32]; /* "/var/lib/pulp", "nfs4" */
	char options[1024]; /* of this mount and of the file system: "rw,noexec,relatime,rw,soft" */
};
/* Asks the file system itself where links of the path lead. */
bool mount_of(const char *path, struct mount *ret, struct err *err) MUST_CHECK;
/* The same by the text of /proc/self/mountinfo, for an absolute path without links. */
bool mount_find(const char *text, const char *path, struct mount *ret);
/* Whether one of its options is this: "soft", "barrier=0". */
bool mount_has(const struct mount *m, const char *option);
