/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Python's text forms (CPython 3: repr of float is the shortest that reads back the same; dict
 * keeps the first place and the last value of a duplicate key).  All of this is for values that
 * ordinary images do not have; plain ones never come here.  The numeric locale must be "C".
 */
#include "lib/pulp/python_text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* An architecture that is a list or an object is a curiosity; these bound stack and time. */
enum { MAX_REPR_BYTES = 1024, MAX_REPR_MEMBERS = 32 };

static void add_float(double d, struct strbuf *out)
{
	char digits[32], number[40];
	int exponent;

	if (isnan(d) || isinf(d)) {
		strbuf_adds(out, isnan(d) ? "nan" : d > 0 ? "inf" : "-inf");
		return;
	}
	for (int precision = 0; precision <= 16; precision++) {
		(void)snprintf(number, sizeof(number), "%.*e", precision, fabs(d));
		if (strtod(number, NULL) == fabs(d))
			break;
	}
	char *e = strchr(number, 'e');
	exponent = (int)strtol(e + 1, NULL, 10);
	int n = 0;
	for (const char *p = number; p < e; p++)
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	digits[n] = '\0';

	if (signbit(d))
		strbuf_adds(out, "-");
	if (exponent < -4 || exponent >= 16) {
		strbuf_addf(out, "%c%s%se%c%02d", digits[0], n > 1 ? "." : "", digits + 1,
			    exponent < 0 ? '-' : '+', abs(exponent));
	} else if (exponent < 0) {
		strbuf_addf(out, "0.%.*s%s", -exponent - 1, "000", digits);
	} else {
		for (int i = 0; i <= exponent; i++)
			strbuf_adds(out, (char[]){ i < n ? digits[i] : '0', '\0' });
		strbuf_addf(out, ".%s", n > exponent + 1 ? digits + exponent + 1 : "0");
	}
}

static bool is_surrogate(unsigned code)
{
	return (code & ~0x7ffU) == 0xd800;
}

/* A quoted JSON string.  Two halves that stand side by side are one character to PostgreSQL. */
static bool json_string(const struct json_span *v, struct strbuf *out)
{
	const char *p = v->p + 1, *end = v->p + v->len - 1;

	strbuf_adds(out, "\"");
	while (p < end) {
		unsigned code = json_span_char(&p, end);
		if ((code & ~0x3ffU) == 0xd800 && p < end) {
			unsigned low = json_span_char(&p, end);
			if ((low & ~0x3ffU) != 0xdc00)
				return false;
			code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
		}
		if (code == 0 || is_surrogate(code))
			return false;
		if (code < 0x20) {
			strbuf_addf(out, "\\u%04x", code);
			continue;
		}
		if (code == '"' || code == '\\')
			strbuf_adds(out, "\\");
		utf8_add(out, code);
	}
	strbuf_adds(out, "\"");
	return true;
}

static bool json_scalar(const struct json_span *v, struct strbuf *out)
{
	double d;

	switch (v->kind) {
	case JSON_NOT_FINITE:
		return false;
	case JSON_REAL:
		d = json_span_double(v);
		if (!isfinite(d))
			return false;
		add_float(d, out);
		return true;
	case JSON_STRING:
		return json_string(v, out);
	default:
		strbuf_add(out, v->p, v->len);
		return !(v->flags & JSON_HAS_HUGE);
	}
}

/* The next value of the scan, containers by descent: JSON_MAX_DEPTH bounds it. */
static bool json_value(struct json_scan *s, struct strbuf *out)
{
	struct json_span v;
	char open = json_scan_next(s);
	const char *comma = "";

	if (open != '{' && open != '[')
		return json_scan_value(s, &v) && json_scalar(&v, out);
	strbuf_add(out, &open, 1);
	if (!json_scan_enter(s))
		return false;
	while (open == '{' ? json_scan_member(s, &v) : json_scan_element(s)) {
		strbuf_adds(out, comma);
		comma = ", ";
		if (open == '{') {
			if (!json_string(&v, out))
				return false;
			strbuf_adds(out, ": ");
		}
		if (!json_value(s, out))
			return false;
	}
	strbuf_adds(out, open == '{' ? "}" : "]");
	return true;
}

/* Is there a member of the same name later on?  Then the one before it does not count. */
static bool named_again(struct json_scan rest, const struct json_span *key)
{
	AUTO_STRBUF struct strbuf name = { 0 };
	struct json_span other, value;

	json_span_text(key, &name);
	while (json_scan_member(&rest, &other) && json_scan_value(&rest, &value))
		if (json_span_equals(&other, name.data, name.len))
			return true;
	return false;
}

/* An object of labels or annotations: a member that jsonb refuses is no matter if overwritten. */
static bool json_members(struct json_scan *s, struct strbuf *out)
{
	struct json_span key, skipped;
	bool some = false;

	strbuf_adds(out, "{");
	while (json_scan_member(s, &key)) {
		struct json_scan at_value = *s;
		size_t before = out->len;
		strbuf_adds(out, some ? ", " : "");
		if (!json_string(&key, out))
			return false;
		strbuf_adds(out, ": ");
		if (json_value(s, out)) {
			some = true;
			continue;
		}
		*s = at_value;
		if (!json_scan_value(s, &skipped) || !named_again(*s, &key))
			return false;
		out->data[out->len = before] = '\0';
	}
	strbuf_adds(out, "}");
	return true;
}

bool python_json(const struct json_span *v, struct strbuf *out)
{
	struct json_scan s;
	size_t before = out->len;
	bool ok;

	json_scan_init(&s, v->p, v->len, JSON_SURROGATES);
	if (v->kind == JSON_OBJECT)
		ok = json_scan_enter(&s) && json_members(&s, out);
	else
		ok = json_value(&s, out);
	if (!ok && out->data)
		out->data[out->len = before] = '\0';
	return ok;
}

/* repr() of an ASCII string: single quotes, unless it holds those and no double ones. */
static bool repr_string(const struct json_span *v, struct strbuf *out)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	json_span_text(v, &text);
	bool single = memchr(text.data, '\'', text.len), both = memchr(text.data, '"', text.len);
	char quote = single && !both ? '"' : '\'';
	strbuf_add(out, &quote, 1);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c >= 0x80)
			return false;
		if (c == '\\' || c == (unsigned char)quote)
			strbuf_addf(out, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			strbuf_adds(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
		else if (c < 0x20 || c == 0x7f)
			strbuf_addf(out, "\\x%02x", c);
		else
			strbuf_add(out, &text.data[i], 1);
	}
	strbuf_add(out, &quote, 1);
	return true;
}

static bool repr_value(const struct json_span *v, struct strbuf *out);

static bool repr_array(const struct json_span *v, struct strbuf *out)
{
	struct json_scan s;
	struct json_span item;
	const char *comma = "";

	json_scan_init(&s, v->p, v->len, JSON_SURROGATES);
	(void)json_scan_enter(&s);
	strbuf_adds(out, "[");
	while (json_scan_element(&s) && json_scan_value(&s, &item)) {
		strbuf_adds(out, comma);
		comma = ", ";
		if (!repr_value(&item, out))
			return false;
	}
	strbuf_adds(out, "]");
	return true;
}

static bool repr_object(const struct json_span *v, struct strbuf *out)
{
	struct json_span keys[MAX_REPR_MEMBERS], values[MAX_REPR_MEMBERS];
	struct json_scan s;
	int n = 0;

	json_scan_init(&s, v->p, v->len, JSON_SURROGATES);
	(void)json_scan_enter(&s);
	for (struct json_span key; json_scan_member(&s, &key);) {
		AUTO_STRBUF struct strbuf name = { 0 };
		int at = 0;
		json_span_text(&key, &name);
		while (at < n && !json_span_equals(&keys[at], name.data, name.len))
			at++;
		if (at == MAX_REPR_MEMBERS)
			return false;
		keys[at] = at < n ? keys[at] : key;
		n += at == n;
		(void)json_scan_value(&s, &values[at]);
	}
	strbuf_adds(out, "{");
	for (int i = 0; i < n; i++) {
		strbuf_adds(out, i ? ", " : "");
		if (!repr_string(&keys[i], out))
			return false;
		strbuf_adds(out, ": ");
		if (!repr_value(&values[i], out))
			return false;
	}
	strbuf_adds(out, "}");
	return true;
}

static bool repr_value(const struct json_span *v, struct strbuf *out)
{
	switch (v->kind) {
	case JSON_TRUE:
	case JSON_FALSE:
		strbuf_adds(out, v->kind == JSON_TRUE ? "True" : "False");
		return true;
	case JSON_INT:
		if (v->len == 2 && memcmp(v->p, "-0", 2) == 0)
			strbuf_adds(out, "0");
		else
			strbuf_add(out, v->p, v->len);
		return true;
	case JSON_REAL:
		add_float(json_span_double(v), out);
		return true;
	case JSON_NOT_FINITE:
		strbuf_adds(out, v->p[0] == 'N' ? "nan" : v->p[0] == '-' ? "-inf" : "inf");
		return true;
	case JSON_STRING:
		return repr_string(v, out);
	case JSON_ARRAY:
		return repr_array(v, out);
	case JSON_OBJECT:
		return repr_object(v, out);
	default:
		strbuf_adds(out, "None");
		return true;
	}
}

bool python_str(const struct json_span *v, struct strbuf *out)
{
	size_t before = out->len;
	bool is_container = v->kind == JSON_ARRAY || v->kind == JSON_OBJECT;
	bool ok = !(is_container && v->len > MAX_REPR_BYTES) && repr_value(v, out);

	if (!ok && out->data)
		out->data[out->len = before] = '\0';
	return ok;
}

/* One code unit of `width` bytes in either byte order. */
static unsigned unit(const unsigned char *u, size_t width, bool big)
{
	unsigned code = 0;

	for (size_t i = 0; i < width; i++)
		code = code << 8 | u[big ? i : width - 1 - i];
	return code;
}

/* The width that json.detect_encoding finds, 1 for UTF-8; a byte order mark is stepped over. */
static size_t detect(const unsigned char **u, size_t *len, bool *big)
{
	const unsigned char *b = *u;
	size_t n = *len, width = 1, mark = 0;

	if (n >= 4 && (memcmp(b, "\0\0\xfe\xff", 4) == 0 || memcmp(b, "\xff\xfe\0\0", 4) == 0)) {
		width = mark = 4;
		*big = b[0] == 0;
	} else if (n >= 2 && (memcmp(b, "\xfe\xff", 2) == 0 || memcmp(b, "\xff\xfe", 2) == 0)) {
		width = mark = 2;
		*big = b[0] == 0xfe;
	} else if ((n >= 4 || n == 2) && b[0] == 0) {
		width = n == 2 || b[1] ? 2 : 4;
		*big = true;
	} else if ((n >= 4 || n == 2) && b[1] == 0) {
		width = n == 2 || b[2] || b[3] ? 2 : 4;
		*big = false;
	}
	*u += mark;
	*len -= mark;
	return width;
}

bool python_decode(const char *bytes, size_t len, struct strbuf *out)
{
	const unsigned char *u = (const unsigned char *)bytes;
	bool big = false;
	size_t width = detect(&u, &len, &big);

	if (width == 1 || len % width)
		return false; /* half a unit is an error in Python, and to be read as UTF-8 here */
	for (; len; u += width, len -= width) {
		unsigned code = unit(u, width, big);
		if ((code & ~0x3ffU) == 0xd800 && width == 2 && len >= 4) {
			unsigned low = unit(u + 2, 2, big);
			if ((low & ~0x3ffU) == 0xdc00) {
				code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
				u += 2;
				len -= 2;
			}
		}
		if (code > 0x10ffff)
			return false;
		utf8_add(out, code);
	}
	return true;
}
