/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads `NAME = literal` out of Pulp's settings file, which is Python code, without Python.  It is
 * only believed where nothing in the file could make Python see another value.
 */
#pragma once
#include "lib/core/strbuf.h"
#include <stdbool.h>
#include <stddef.h>

struct literal_doubt {
	const char *why; /* static, lower case: "is bound twice" */
	char name[64];	 /* the name or word that it is about, may be empty */
	int line;
};

/*
 * A pure function of bytes.  wanted ends with NULL.  True: *json gets one JSON object with those
 * wanted names that the file binds, each bound once, unconditionally, by a literal (str, int,
 * float, bool, None, dict with str keys, list, tuple).  False: the file cannot be understood with
 * certainty, *doubt says why, *json is untouched; Python has to be asked.
 */
bool settings_literal(const char *text, size_t len, const char *const *wanted, struct strbuf *json,
		      struct literal_doubt *doubt);
