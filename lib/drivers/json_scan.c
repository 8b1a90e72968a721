/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scanner itself.  Manifests are mostly long plain strings and known keys, so strings are
 * stepped over eight bytes at a time and containers that nobody asks for by a loop with one bit a
 * level; nothing here recurses.
 */
#include "lib/drivers/json_scan.h"

#include <stdint.h>

static bool fail(struct json_scan *s)
{
	s->failed = true;
	s->p = s->end;
	return false;
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* The first byte that is a quote, a backslash, a control character or not ASCII. */
static const char *skip_plain(const char *p, const char *end)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	while (end - p >= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		uint64_t quote = w ^ (ones * '"'), slash = w ^ (ones * '\\');
		uint64_t hit = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) |
			       ((w - ones * 0x20) & ~w) | w;
		if (hit & highs)
			break;
		p += 8;
	}
	while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= 0x20)
		p++;
	return p;
}

/* The four digits of a \u escape; -1 when they are not there. */
static int hex4(const char *p, const char *end)
{
	int code = 0;
	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);
		if (digit < 0)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

static bool is_high(int code)
{
	return code >= 0xd800 && code <= 0xdbff;
}

static bool is_low(int code)
{
	return code >= 0xdc00 && code <= 0xdfff;
}

/* p is behind the backslash.  Returns behind the escape, or NULL. */
static const char *skip_escape(const char *p, const char *end, unsigned *flags)
{
	*flags |= JSON_HAS_ESCAPE;
	if (p == end)
		return NULL;
	if (*p != 'u')
		return *p && strchr("\"\\/bfnrt", *p) ? p + 1 : NULL;
	int code = hex4(++p, end);
	if (code < 0)
		return NULL;
	p += 4;
	if (code == 0)
		*flags |= JSON_HAS_NUL;
	if (is_high(code) && end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
	    is_low(hex4(p + 2, end)))
		return p + 6;
	if (is_high(code) || is_low(code))
		*flags |= JSON_HAS_HALF;
	return p;
}

static bool is_surrogate_sequence(const char *p, const char *end)
{
	return end - p >= 3 && p[0] == '\xed' && ((unsigned char)p[1] & 0xe0) == 0xa0 &&
	       ((unsigned char)p[2] & 0xc0) == 0x80;
}

/* p is behind the opening quote.  Returns behind the closing one, or NULL. */
static const char *skip_string(const struct json_scan *s, const char *p, unsigned *flags)
{
	for (;;) {
		p = skip_plain(p, s->end);
		if (p == s->end)
			return NULL;
		if (*p == '"')
			return p + 1;
		if (*p == '\\') {
			p = skip_escape(p + 1, s->end, flags);
			if (!p)
				return NULL;
			continue;
		}
		size_t n = (signed char)*p < 0 ? utf8_sequence(p, s->end) : 0;
		if (n == 0 && (s->options & JSON_SURROGATES) && is_surrogate_sequence(p, s->end)) {
			*flags |= JSON_HAS_HALF;
			n = 3;
		}
		if (n == 0)
			return NULL;
		p += n;
	}
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static bool starts(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);
	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0;
}

static const char *skip_number(const char *p, const char *end, struct json_span *v)
{
	const char *start = p, *digits = p + (*p == '-');
	if (starts(digits, end, "Infinity")) {
		v->kind = JSON_NOT_FINITE;
		v->flags |= JSON_HAS_NOT_FINITE;
		return digits + strlen("Infinity");
	}
	p = skip_digits(digits, end);
	if (p == digits || (*digits == '0' && p - digits > 1))
		return NULL;
	v->kind = JSON_INT;
	if (p < end && *p == '.') {
		digits = p + 1;
		p = skip_digits(digits, end);
		if (p == digits)
			return NULL;
		v->kind = JSON_REAL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		digits = p + 1;
		if (digits < end && (*digits == '+' || *digits == '-'))
			digits++;
		p = skip_digits(digits, end);
		if (p == digits)
			return NULL;
		v->kind = JSON_REAL;
	}
	if (v->kind == JSON_REAL)
		v->flags |= JSON_HAS_REAL;
	if (p - start > 131072)
		v->flags |= JSON_HAS_HUGE;
	return p;
}

static const char *skip_word(const char *p, const char *end, const char *word, enum json_kind kind,
			     struct json_span *v)
{
	v->kind = kind;
	return starts(p, end, word) ? p + strlen(word) : NULL;
}

/* A value that is no container, at p before the end.  Sets kind, adds flags. */
static const char *skip_scalar(const struct json_scan *s, const char *p, struct json_span *v)
{
	switch (*p) {
	case '"':
		v->kind = JSON_STRING;
		v->empty = s->end - p > 1 && p[1] == '"';
		return skip_string(s, p + 1, &v->flags);
	case 't':
		return skip_word(p, s->end, "true", JSON_TRUE, v);
	case 'f':
		return skip_word(p, s->end, "false", JSON_FALSE, v);
	case 'n':
		return skip_word(p, s->end, "null", JSON_NULL, v);
	case 'N':
		v->flags |= JSON_HAS_NOT_FINITE;
		return skip_word(p, s->end, "NaN", JSON_NOT_FINITE, v);
	default:
		return skip_number(p, s->end, v);
	}
}

/* A key and its colon, at p.  Returns behind the colon, or NULL. */
static const char *skip_key(const struct json_scan *s, const char *p, struct json_span *key)
{
	if (p == s->end || *p != '"')
		return NULL;
	*key = (struct json_span){ .kind = JSON_STRING, .p = p };
	p = skip_string(s, p + 1, &key->flags);
	if (!p)
		return NULL;
	key->len = (size_t)(p - key->p);
	key->empty = key->len == 2;
	p = skip_space(p, s->end);
	return p < s->end && *p == ':' ? p + 1 : NULL;
}

/* One bit a level says which kind of bracket must close it. */
static bool in_object(const uint64_t *objects, unsigned level)
{
	return (objects[(level - 1) / 64] >> (level - 1) % 64) & 1;
}

/* Behind a value, or at the closing bracket of an empty container (empty): to where the next value
 * is due, or behind the outermost bracket, where *level is 0. */
static const char *skip_closing(const struct json_scan *s, const char *p, const uint64_t *objects,
				unsigned *level, bool empty)
{
	for (;; empty = false) {
		p = skip_space(p, s->end);
		if (p == s->end)
			return NULL;
		if (*p == ',' && !empty)
			return p + 1;
		if (*p != (in_object(objects, *level) ? '}' : ']'))
			return NULL;
		p++;
		if (--*level == 0)
			return p;
	}
}

/* A container, at its bracket. */
static const char *skip_container(const struct json_scan *s, const char *p, struct json_span *v)
{
	uint64_t objects[JSON_MAX_DEPTH / 64];
	unsigned level = 0, room = JSON_MAX_DEPTH - s->depth;
	struct json_span inner = { 0 };
	bool opened = false; /* just behind an opening bracket */

	for (;;) {
		/* A value is due at p, or right behind a bracket its closing one. */
		p = skip_space(p, s->end);
		if (p == s->end)
			return NULL;
		bool is_object = level > 0 && in_object(objects, level);
		bool closes = opened && *p == (is_object ? '}' : ']');
		if (!closes && is_object) {
			p = skip_key(s, p, &inner);
			if (!p)
				return NULL;
			v->flags |= inner.flags;
			p = skip_space(p, s->end);
			if (p == s->end)
				return NULL;
		}
		if (!closes && (*p == '{' || *p == '[')) {
			if (level >= room)
				return NULL;
			uint64_t bit = UINT64_C(1) << level % 64;
			if (level % 64 == 0)
				objects[level / 64] = 0;
			objects[level / 64] &= ~bit;
			objects[level / 64] |= *p == '{' ? bit : 0;
			level++;
			p++;
			opened = true;
			continue;
		}
		if (closes && level == 1)
			v->empty = true;
		if (!closes) {
			inner.flags = 0;
			p = skip_scalar(s, p, &inner);
			if (!p)
				return NULL;
			v->flags |= inner.flags;
		}
		opened = false;
		p = skip_closing(s, p, objects, &level, closes);
		if (!p || level == 0)
			return p;
	}
}

void json_scan_init(struct json_scan *s, const char *text, size_t len, unsigned options)
{
	text = text ? text : "";
	*s = (struct json_scan){ .p = text, .end = text + len, .options = options };
	if ((options & JSON_BOM) && starts(s->p, s->end, "\xef\xbb\xbf")) {
		s->bom = true;
		s->p += 3;
	}
}

char json_scan_next(struct json_scan *s)
{
	s->p = skip_space(s->p, s->end);
	return s->p < s->end ? *s->p : '\0';
}

bool json_scan_value(struct json_scan *s, struct json_span *ret)
{
	struct json_span v = { 0 };
	char c = json_scan_next(s);
	if (s->p == s->end)
		return fail(s);
	v.p = s->p;
	const char *behind;
	if (c == '{' || c == '[') {
		behind = skip_container(s, s->p, &v);
		v.kind = c == '{' ? JSON_OBJECT : JSON_ARRAY;
	} else {
		behind = skip_scalar(s, s->p, &v);
	}
	if (!behind)
		return fail(s);
	v.len = (size_t)(behind - v.p);
	s->p = behind;
	*ret = v;
	return true;
}

bool json_scan_enter(struct json_scan *s)
{
	char c = json_scan_next(s);
	if ((c != '{' && c != '[') || s->depth == JSON_MAX_DEPTH)
		return fail(s);
	s->depth++;
	s->first = true;
	s->p++;
	return true;
}

/* To the start of the next item of the container we are in; false at its end. */
static bool next_item(struct json_scan *s, char bracket)
{
	char c = json_scan_next(s);
	bool first = s->first;
	s->first = false;
	if (c == bracket && !s->failed) {
		s->depth--;
		s->p++;
		return false;
	}
	if (first)
		return !s->failed;
	if (c != ',')
		return fail(s);
	s->p = skip_space(s->p + 1, s->end);
	return true;
}

bool json_scan_member(struct json_scan *s, struct json_span *key)
{
	if (!next_item(s, '}'))
		return false;
	const char *behind = skip_key(s, s->p, key);
	if (!behind)
		return fail(s);
	s->p = behind;
	return true;
}

bool json_scan_element(struct json_scan *s)
{
	return next_item(s, ']');
}

bool json_scan_end(struct json_scan *s)
{
	return json_scan_next(s) == '\0' && s->p == s->end && !s->failed;
}
