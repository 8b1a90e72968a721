/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON over json-c: parsing trees of moderate size (settings, ledger values) and quoting for
 * output. */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stdbool.h>
#include <stddef.h>

struct json; /* one value; the tree belongs to its root */
bool json_parse(const char *text, size_t len, struct json **ret,
		struct err *err) MUST_CHECK; /* strict; owned */
void json_free(struct json *root);
/* Borrowed; NULL when absent or not an object.  path: "default.HOST" walks objects by dots. */
const struct json *json_get(const struct json *v, const char *path);
const char *json_text(const struct json *v);	   /* NULL unless a string */
bool json_long(const struct json *v, long *ret);   /* false unless an integer */
bool json_real(const struct json *v, double *ret); /* false unless a number */
bool json_bool(const struct json *v, bool *ret);
bool json_is_null(const struct json *v);
size_t json_count(const struct json *v); /* array length or number of members; else 0 */
const struct json *json_at(const struct json *v, size_t i); /* array element; NULL beyond */
/* Calls fn for each member of an object, in order. */
void json_each(const struct json *v,
	       void (*fn)(void *arg, const char *key, const struct json *value), void *arg);
/* Adds a quoted JSON string; invalid UTF-8 becomes U+FFFD, control characters are escaped. */
void json_quote(struct strbuf *out, const char *text, size_t len);
