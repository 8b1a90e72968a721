/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ini files over libinih. */
#pragma once
#include "lib/core/err.h"

/* Calls fn(arg, section, key, value, line) for each value; fn returning false stops with its own
 * err. Errors name file and line. */
bool ini_read(const char *path,
	      bool (*fn)(void *arg, const char *section, const char *key, const char *value,
			 int line, struct err *err),
	      void *arg, struct err *err) MUST_CHECK;
