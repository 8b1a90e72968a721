/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a scanned span means: truth, number, text.  Spans are valid already, so nothing fails. */
#include "lib/drivers/json_scan.h"

#include "lib/core/mem.h"

#include <stdlib.h>

static size_t utf8_encode(unsigned code, char out[4])
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	for (size_t i = n - 1; i > 0; i--, code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(leads[n] | code);
	return n;
}

void utf8_add(struct strbuf *out, unsigned code)
{
	char bytes[4];
	strbuf_add(out, bytes, utf8_encode(code, bytes));
}

static unsigned hex4(const char *p)
{
	unsigned code = 0;

	for (int i = 0; i < 4; i++)
		code = code * 16 + (unsigned)hex_digit(p[i]);
	return code;
}

static unsigned escaped_char(const char **p, const char *end)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	char c = *(*p)++;
	const char *name = c ? strchr(names, c) : NULL;
	if (name)
		return (unsigned char)values[name - names];
	if (c != 'u')
		return (unsigned char)c;
	unsigned code = hex4(*p);
	*p += 4;
	if ((code & 0xfc00) == 0xd800 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		unsigned low = hex4(*p + 2);
		if ((low & 0xfc00) == 0xdc00) {
			*p += 6;
			return 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
		}
	}
	return code;
}

unsigned json_span_char(const char **p, const char *end)
{
	unsigned lead = (unsigned char)*(*p)++;
	if (lead == '\\')
		return escaped_char(p, end);
	if (lead < 0x80)
		return lead;
	int more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
	unsigned code = lead & (0x3fU >> more);
	for (; more > 0; more--)
		code = code << 6 | ((unsigned char)*(*p)++ & 0x3f);
	return code;
}

void json_span_text(const struct json_span *v, struct strbuf *out)
{
	const char *p = v->p + 1, *end = v->p + v->len - 1;
	if (!(v->flags & JSON_HAS_ESCAPE)) {
		strbuf_add(out, p, v->len - 2);
		return;
	}
	while (p < end)
		utf8_add(out, json_span_char(&p, end));
}

bool json_span_equals(const struct json_span *v, const char *text, size_t len)
{
	const char *p = v->p + 1, *end = v->p + v->len - 1;
	while (p < end) {
		char bytes[4];
		size_t n = utf8_encode(json_span_char(&p, end), bytes);
		if (n > len || memcmp(text, bytes, n) != 0)
			return false;
		text += n;
		len -= n;
	}
	return len == 0;
}

bool json_span_parse(const char *text, size_t len, unsigned options, struct json_span *ret)
{
	struct json_scan s;
	struct json_span v;
	json_scan_init(&s, text, len, options);
	if (!json_scan_value(&s, &v) || !json_scan_end(&s))
		return false;
	*ret = v;
	return true;
}

void json_span_get(const struct json_span *object, const char *key, struct json_span *ret)
{
	struct json_scan s;
	struct json_span name, value;
	*ret = (struct json_span){ .kind = JSON_ABSENT };
	if (object->kind != JSON_OBJECT)
		return;
	json_scan_init(&s, object->p, object->len, JSON_SURROGATES);
	(void)json_scan_enter(&s);
	while (json_scan_member(&s, &name) && json_scan_value(&s, &value))
		if (json_span_is(&name, key))
			*ret = value;
}

double json_span_double(const struct json_span *v)
{
	char small[64];
	if (v->len < sizeof(small)) {
		memcpy(small, v->p, v->len);
		small[v->len] = '\0';
		return strtod(small, NULL);
	}
	AUTO_FREE char *text = xstrndup(v->p, v->len);
	return strtod(text, NULL);
}

bool json_span_true(const struct json_span *v)
{
	switch (v->kind) {
	case JSON_INT:
	case JSON_REAL:
		return json_span_double(v) != 0;
	case JSON_STRING:
	case JSON_ARRAY:
	case JSON_OBJECT:
		return !v->empty;
	case JSON_TRUE:
	case JSON_NOT_FINITE:
		return true;
	default:
		return false;
	}
}
