/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log on stderr, for the runner and the layers above it; the report is lib/report's. */
#pragma once
#include "lib/core/err.h"

enum log_level { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE };
void log_level_set(enum log_level level);
void log_err(const struct err *err); /* the text and, on a line of its own, the hint */
void log_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_verbose(const char *fmt, ...) PRINTF_LIKE(1, 2); /* only with --verbose */
