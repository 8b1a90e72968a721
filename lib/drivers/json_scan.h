/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON without a tree: one pass that validates every byte and hands on only what the caller asks
 * for, as spans of the text.  Nothing is allocated.  The language is RFC 8259 as Python's json
 * module reads it, because Pulp reads manifests with that: NaN, Infinity and -Infinity are numbers
 * and half a surrogate pair may stand in a \u escape.  Values that others refuse are marked.  UTF-8
 * is validated.  A duplicate key is handed on each time; the last one counts.
 *
 *	json_scan_init(&s, text, len, 0);
 *	if (json_scan_next(&s) == '{' && json_scan_enter(&s))
 *		while (json_scan_member(&s, &key))
 *			json_scan_value(&s, &value);
 *	else
 *		json_scan_value(&s, &value);
 *	ok = json_scan_end(&s);
 *
 * After an error every call says no, and json_scan_end says why the loop ended.
 */
#pragma once
#include "lib/core/strbuf.h"
#include "lib/core/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Python gives up near 1000 levels, so a document that Pulp can read is always below this. */
enum { JSON_MAX_DEPTH = 1024 };

enum json_kind {
	JSON_ABSENT,
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_INT,
	JSON_REAL,	 /* with fraction or exponent */
	JSON_NOT_FINITE, /* NaN, Infinity, -Infinity */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

enum { /* of a value or of anything inside it */
       JSON_HAS_ESCAPE = 1 << 0,
       JSON_HAS_NUL = 1 << 1,  /* \u0000 */
       JSON_HAS_HALF = 1 << 2, /* a surrogate without its other half */
       JSON_HAS_REAL = 1 << 3, /* a number with fraction or exponent */
       JSON_HAS_NOT_FINITE = 1 << 4,
       JSON_HAS_HUGE = 1 << 5 /* a number of more than 131072 characters: no PostgreSQL numeric */
};

enum {			  /* options */
       JSON_BOM = 1 << 0, /* a UTF-8 byte order mark may come first */
       JSON_SURROGATES =
	       1 << 1 /* UTF-8 may encode surrogates, as Python's "surrogatepass" allows */
};

struct json_span {
	enum json_kind kind;
	unsigned flags;
	bool empty;    /* "", [] or {} */
	const char *p; /* the value's text; a string with its quotes */
	size_t len;
};

struct json_scan {
	const char *p, *end;
	unsigned options, depth;
	bool first, failed, bom;
};

void json_scan_init(struct json_scan *s, const char *text, size_t len, unsigned options);
/* First byte of the next value; '\0' at the end of the text. */
char json_scan_next(struct json_scan *s);
/* Takes one value whole, however deep. */
bool json_scan_value(struct json_scan *s, struct json_span *ret);
/* Steps into the object or array that comes next; then member or element until it says no. */
bool json_scan_enter(struct json_scan *s);
bool json_scan_member(struct json_scan *s, struct json_span *key);
bool json_scan_element(struct json_scan *s);
/* True when the text was one valid value and nothing else. */
bool json_scan_end(struct json_scan *s);

/* A whole document as one span; false when it is not valid. */
bool json_span_parse(const char *text, size_t len, unsigned options, struct json_span *ret);
/* The member of an object span, the last one of that name; kind JSON_ABSENT when there is none. */
void json_span_get(const struct json_span *object, const char *key, struct json_span *ret);
/* False, null, zero, "", [], {} and absence are false, as in Python. */
bool json_span_true(const struct json_span *v);
/* The value of a number; infinite where it is larger than a double. */
double json_span_double(const struct json_span *v);
/*
 * Adds a string's characters as UTF-8, surrogate halves encoded one by one; a pair made of two
 * escapes is one character.  Text with JSON_HAS_NUL or JSON_HAS_HALF is no text for PostgreSQL.
 */
void json_span_text(const struct json_span *v, struct strbuf *out);
/*
 * Steps over one character of a string span's inside: reads at *p, which must be before end.
 * For writers that spell the text another way.
 */
unsigned json_span_char(const char **p, const char *end);
bool json_span_equals(const struct json_span *v, const char *text, size_t len);

static inline bool json_span_is(const struct json_span *v, const char *text)
{
	size_t n = strlen(text);
	if (v->kind != JSON_STRING)
		return false;
	if (v->flags & JSON_HAS_ESCAPE)
		return json_span_equals(v, text, n);
	return v->len == n + 2 && memcmp(v->p + 1, text, n) == 0;
}

void utf8_add(struct strbuf *out, unsigned code); /* surrogates too */
