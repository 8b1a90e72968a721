/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON trees over json-c's strict parser.  json-c has no object for null: a member that is null and
 * one that is absent are both a NULL pointer there, so null is a sentinel here.
 */
#include "lib/drivers/json.h"
#include "lib/core/mem.h"
/* json-c has a type of the name of our function. */
#define json_bool json_c_bool
#include <json-c/json.h>
#include <json-c/json_visit.h>
#undef json_bool
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

static const char null_value;

/* json-c's accessors do not change a tree, but their parameters are not const. */
static struct json_object *object(const struct json *v)
{
	return v && (const char *)v != &null_value ? (struct json_object *)(uintptr_t)v : NULL;
}

/* What is there, null included. */
static const struct json *present(const struct json_object *o)
{
	return o ? (const struct json *)o : (const struct json *)&null_value;
}

static bool is(const struct json *v, enum json_type type)
{
	return object(v) && json_object_is_type(object(v), type);
}

/* NaN, Infinity and what overflows to it: json-c takes them, RFC 8259 does not. */
static int visit(struct json_object *o, int flags, struct json_object *parent, const char *key,
		 size_t *index, void *arg)
{
	(void)flags, (void)parent, (void)key, (void)index;
	if (json_object_is_type(o, json_type_double) && !isfinite(json_object_get_double(o))) {
		*(bool *)arg = true;
		return JSON_C_VISIT_RETURN_STOP;
	}
	return JSON_C_VISIT_RETURN_CONTINUE;
}

static void free_tokener(struct json_tokener **t)
{
	json_tokener_free(*t);
}

bool json_parse(const char *text, size_t len, struct json **ret, struct err *err)
{
	if (len > INT_MAX)
		return err_set(err, ERR_DATA, "JSON of %zu bytes is too large", len);
	__attribute__((cleanup(free_tokener))) struct json_tokener *t =
		json_tokener_new_ex(MAX_DEPTH);
	if (!t)
		return err_set(err, ERR_IO, "json-c is out of memory");
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(t, text, (int)len);
	enum json_tokener_error e = json_tokener_get_error(t);
	size_t end = json_tokener_get_parse_end(t);
	/* A number or a word at the end might go on: the NUL says that it does not. */
	if (e == json_tokener_continue && end == len) {
		o = json_tokener_parse_ex(t, "", 1);
		e = json_tokener_get_error(t);
	}
	if (e != json_tokener_success || end != len) {
		json_object_put(o);
		return err_set(err, ERR_DATA, "not JSON at byte %zu: %s", end,
			       e == json_tokener_success ? "more after the value"
							 : json_tokener_error_desc(e));
	}
	bool odd = false;
	if (o)
		json_c_visit(o, 0, visit, &odd);
	if (odd) {
		json_object_put(o);
		return err_set(err, ERR_DATA, "not JSON: a number that is not finite");
	}
	*ret = (struct json *)(uintptr_t)present(o);
	return true;
}

void json_free(struct json *root)
{
	json_object_put(object(root));
}

const struct json *json_get(const struct json *v, const char *path)
{
	while (*path) {
		if (!is(v, json_type_object))
			return NULL;
		size_t len = strcspn(path, ".");
		AUTO_FREE char *key = xstrndup(path, len);
		struct json_object *o;
		if (!json_object_object_get_ex(object(v), key, &o))
			return NULL;
		v = present(o);
		path += len + (path[len] == '.');
	}
	return v;
}

const char *json_text(const struct json *v)
{
	return is(v, json_type_string) ? json_object_get_string(object(v)) : NULL;
}

bool json_real(const struct json *v, double *ret)
{
	if (!is(v, json_type_int) && !is(v, json_type_double))
		return false;
	*ret = json_object_get_double(object(v));
	return true;
}

bool json_long(const struct json *v, long *ret)
{
	if (!is(v, json_type_int))
		return false;
	int64_t n = json_object_get_int64(object(v));
	/* json-c clamps what does not fit: the ends of the range may be anything beyond it. */
	if (n == INT64_MAX || n == INT64_MIN)
		return false;
#if LONG_MAX < INT64_MAX
	if (n > LONG_MAX || n < LONG_MIN)
		return false;
#endif
	*ret = (long)n;
	return true;
}

bool json_bool(const struct json *v, bool *ret)
{
	if (!is(v, json_type_boolean))
		return false;
	*ret = json_object_get_boolean(object(v));
	return true;
}

bool json_is_null(const struct json *v)
{
	return (const char *)v == &null_value;
}

size_t json_count(const struct json *v)
{
	if (is(v, json_type_array))
		return json_object_array_length(object(v));
	return is(v, json_type_object) ? (size_t)json_object_object_length(object(v)) : 0;
}

const struct json *json_at(const struct json *v, size_t i)
{
	if (!is(v, json_type_array) || i >= json_count(v))
		return NULL;
	return present(json_object_array_get_idx(object(v), i));
}

void json_each(const struct json *v,
	       void (*fn)(void *arg, const char *key, const struct json *value), void *arg)
{
	if (!is(v, json_type_object))
		return;
	json_object_object_foreach(object(v), key, value) fn(arg, key, present(value));
}
