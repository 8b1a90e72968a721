/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords in memory: from a file that not everybody can open, gone when no longer needed. */
#pragma once
#include "lib/core/err.h"

/* The file's first line without white space around it; end it with secret_wipe. */
bool secret_read(const char *path, char **ret, struct err *err) MUST_CHECK;
void secret_wipe(char **secret); /* overwrites, frees, sets NULL */
#define AUTO_SECRET __attribute__((cleanup(secret_wipe)))
