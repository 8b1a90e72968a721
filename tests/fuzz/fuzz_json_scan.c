/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scanner against json-c's strict parser, and against itself by another road.  They may differ
 * only where the scanner follows Python (NaN, infinities, halves of surrogate pairs, depth) or
 * where json-c 0.16 is not strict; both kinds are named below.
 */
#include "lib/core/mem.h"
#include "lib/drivers/json.h"
#include "lib/drivers/json_scan.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#define REQUIRE(cond) ((cond) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What json-c's depth limit and number range refuse although it is JSON. */
struct traits {
	unsigned depth, deepest;
	bool infinite; /* a number larger than a double */
};

/* The whole value by steps instead of one skip. */
static void walk(struct json_scan *s, struct traits *t)
{
	struct json_span v;
	char open = json_scan_next(s);

	if (open != '{' && open != '[') {
		if (json_scan_value(s, &v) && (v.kind == JSON_REAL || v.kind == JSON_INT))
			t->infinite |= isinf(json_span_double(&v)) != 0;
		return;
	}
	if (!json_scan_enter(s))
		return;
	t->depth++;
	t->deepest = t->depth > t->deepest ? t->depth : t->deepest;
	while (open == '{' ? json_scan_member(s, &v) : json_scan_element(s))
		walk(s, t);
	t->depth--;
}

static void compare(const struct json_span *ours, const struct json *theirs);

static void compare_text(const struct json_span *ours, const char *theirs)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	/*
	 * json-c's texts end at a NUL, and it puts U+FFFD for half a pair; for whole pairs such as
	 * U+1DC00 as well, whose low 16 bits look like a half.
	 */
	if ((ours->flags & (JSON_HAS_NUL | JSON_HAS_HALF)) ||
	    ((ours->flags & JSON_HAS_ESCAPE) && theirs && strstr(theirs, "\xef\xbf\xbd")))
		return;
	json_span_text(ours, &text);
	REQUIRE(theirs && strcmp(text.data ? text.data : "", theirs) == 0);
	REQUIRE(json_span_is(ours, theirs));
}

static void compare_member(void *arg, const char *key, const struct json *theirs)
{
	const struct json_span *object = arg;
	struct json_span value;

	if (strstr(key, "\xef\xbf\xbd"))
		return;
	json_span_get(object, key, &value);
	REQUIRE(value.kind != JSON_ABSENT);
	compare(&value, theirs);
}

static void compare_items(const struct json_span *ours, const struct json *theirs)
{
	struct json_scan s;
	struct json_span item;
	size_t n = 0;

	json_scan_init(&s, ours->p, ours->len, 0);
	REQUIRE(json_scan_enter(&s));
	for (; json_scan_element(&s); n++) {
		REQUIRE(json_scan_value(&s, &item));
		compare(&item, json_at(theirs, n));
	}
	REQUIRE(json_scan_end(&s) && n == json_count(theirs));
}

static void compare(const struct json_span *ours, const struct json *theirs)
{
	bool truth;
	long number;

	switch (ours->kind) {
	case JSON_NULL:
		REQUIRE(json_is_null(theirs));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		REQUIRE(json_bool(theirs, &truth) && truth == (ours->kind == JSON_TRUE));
		break;
	case JSON_INT:
		if (json_long(theirs, &number))
			REQUIRE((double)number == json_span_double(ours));
		break;
	case JSON_STRING:
		compare_text(ours, json_text(theirs));
		break;
	case JSON_ARRAY:
		compare_items(ours, theirs);
		break;
	case JSON_OBJECT:
		/* A key with a NUL comes back from json-c as another one. */
		if (!(ours->flags & JSON_HAS_NUL)) {
			struct json_span object = *ours;
			json_each(theirs, compare_member, &object);
			REQUIRE(ours->empty == (json_count(theirs) == 0));
		}
		break;
	default:
		break;
	}
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Outside strings: a quote ', a point without a digit on both sides, or a zero that leads digits.
 */
static bool odd_token(const char *p, const char *start, const char *end)
{
	char before = p > start ? p[-1] : ' ', after = end - p > 1 ? p[1] : ' ';

	return *p == '\'' || (*p == '.' && !(is_digit(before) && is_digit(after))) ||
	       (*p == '0' && is_digit(after) && !is_digit(before) && before != '.');
}

/*
 * Where json-c 0.16 is not strict although told to be: the tokens above, control characters in
 * strings, and UTF-8, of which it looks at the high bits only.
 */
static bool json_c_is_lax(const char *text, size_t len)
{
	const char *start = text, *end = text + len;
	bool inside = false;

	for (size_t n; text < end; text += n) {
		n = utf8_sequence(text, end);
		if (n == 0 || (inside ? (unsigned char)*text < 0x20 : odd_token(text, start, end)))
			return true;
		if (inside && *text == '\\' && end - text > 1)
			n += (unsigned char)text[1] >= 0x20 && (unsigned char)text[1] < 0x80;
		else if (*text == '"')
			inside = !inside;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct traits traits = { 0 };
	struct json *theirs = NULL;
	struct json_span ours;
	struct json_scan s;
	struct err err = { .code = ERR_NONE };

	bool ok = json_span_parse(text, size, 0, &ours);
	json_scan_init(&s, text, size, 0);
	walk(&s, &traits);
	REQUIRE(json_scan_end(&s) == ok);
	if (ok) {
		AUTO_STRBUF struct strbuf copy = { 0 };
		struct json_span again;
		strbuf_add(&copy, ours.p, ours.len);
		REQUIRE(json_span_parse(copy.data, copy.len, 0, &again));
		REQUIRE(again.len == copy.len && again.flags == ours.flags);
	}

	bool theirs_ok = json_parse(text, size, &theirs, &err);
	bool beyond_json = ok && ((ours.flags & JSON_HAS_NOT_FINITE) || traits.infinite ||
				  traits.deepest >= 60);
	if (ok && !beyond_json)
		REQUIRE(theirs_ok);
	if (theirs_ok && !json_c_is_lax(text, size))
		REQUIRE(ok);
	if (ok && theirs_ok)
		compare(&ours, theirs);
	json_free(theirs);
	return 0;
}
