/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Room of a file system, asked by a process of its own: a file system whose server is gone holds
 * whoever asks, and cannot be interrupted. */
#pragma once
#include "lib/core/err.h"
#include <stdint.h>

struct space {
	int64_t bytes, bytes_free; /* free: for whoever is not root */
	int64_t files, files_free; /* inodes; 0 of 0 where the file system has no such limit */
};
/* ERR_TIMEOUT when there is no answer within so many seconds. */
bool space_ask(const char *path, double timeout, struct space *ret, struct err *err) MUST_CHECK;
