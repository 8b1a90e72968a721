/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both ways to open a file below a root; a test compares them on every platform that has both. */
#pragma once
#include <stdbool.h>

/* The descriptor, or -1 with errno; EXDEV when the name leaves the root. */
int fs_open_beneath(int root, const char *name, int flags);
int fs_open_walking(int root, const char *name, int flags);
/* openat2 may be missing (ENOSYS) or forbidden by a container's filter (EPERM). */
bool fs_has_openat2(int root);
