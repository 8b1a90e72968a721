/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON values as Python would read and write them.  Pulp's columns hold what json.loads, json.dumps
 * and str() of CPython made of the bytes, so equal rows need the same.
 */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/drivers/json_scan.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * json.loads(bytes) guesses UTF-8, UTF-16 or UTF-32 and lets lone surrogates pass.  True when the
 * bytes are not plain UTF-8 and out got them as UTF-8 (surrogates encoded one by one); false when
 * they are to be read as they are.
 */
bool python_decode(const char *bytes, size_t len, struct strbuf *out);
/* Adds the value as json.dumps has it; false (out as before) when jsonb refuses that. */
bool python_json(const struct json_span *v, struct strbuf *out);
/*
 * Adds str(value) of anything but a string; false (out as before) for a list or object that is
 * large or holds text beyond ASCII: what Python escapes there depends on its Unicode tables.
 */
bool python_str(const struct json_span *v, struct strbuf *out);
