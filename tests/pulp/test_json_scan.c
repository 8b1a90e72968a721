/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The scanner accepts what Python's json module accepts and marks what PostgreSQL refuses.  Each
 * table row was tried with CPython 3.11's json.loads.
 */
#include "lib/core/mem.h"
#include "lib/drivers/json_scan.h"
#include "tests/harness/tap.h"

struct sample {
	const char *text;
	enum json_kind kind; /* JSON_ABSENT: not valid */
	unsigned flags;
};

static void check_samples(const struct sample *samples, size_t n, unsigned options)
{
	for (size_t i = 0; i < n; i++) {
		/* An exact copy without the final NUL, so that a step too far is seen. */
		size_t len = strlen(samples[i].text);
		AUTO_FREE char *copy = xmalloc(len ? len : 1);
		memcpy(copy, samples[i].text, len);
		struct json_span v = { 0 };
		bool ok = json_span_parse(copy, len, options, &v);
		if (!(CHECK_INT(ok, samples[i].kind != JSON_ABSENT) &&
		      (!ok || (CHECK_INT(v.kind, samples[i].kind) &&
			       CHECK_INT(v.flags, samples[i].flags)))))
			fprintf(stderr, "#	in: %s\n", samples[i].text);
	}
}

TEST(kinds_and_marks)
{
	static const struct sample samples[] = {
		{ "null", JSON_NULL, 0 },
		{ " true ", JSON_TRUE, 0 },
		{ "\t\r\nfalse", JSON_FALSE, 0 },
		{ "0", JSON_INT, 0 },
		{ "-0", JSON_INT, 0 },
		{ "12345678901234567890123", JSON_INT, 0 },
		{ "1.5", JSON_REAL, JSON_HAS_REAL },
		{ "1e5", JSON_REAL, JSON_HAS_REAL },
		{ "-1.25E-3", JSON_REAL, JSON_HAS_REAL },
		{ "NaN", JSON_NOT_FINITE, JSON_HAS_NOT_FINITE },
		{ "Infinity", JSON_NOT_FINITE, JSON_HAS_NOT_FINITE },
		{ "-Infinity", JSON_NOT_FINITE, JSON_HAS_NOT_FINITE },
		{ "\"\"", JSON_STRING, 0 },
		{ "\"\x7f\"", JSON_STRING, 0 },
		{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", JSON_STRING, JSON_HAS_ESCAPE },
		{ "\"\\u00e9\\uABCD\"", JSON_STRING, JSON_HAS_ESCAPE },
		{ "\"\\u0000\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_NUL },
		{ "\"\\ud83d\\ude00\"", JSON_STRING, JSON_HAS_ESCAPE },
		{ "\"\\ud83d\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\ud83dx\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\ud83d\\u0041\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\ud800\\udbff\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\udbff\\ue000\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\udfff\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\ud7ff\\ue000\"", JSON_STRING, JSON_HAS_ESCAPE },
		{ "\"\\ud83d\\ntude00\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\\ude00\\ud83d\"", JSON_STRING, JSON_HAS_ESCAPE | JSON_HAS_HALF },
		{ "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", JSON_STRING, 0 },
		{ "[]", JSON_ARRAY, 0 },
		{ "[ 1 , [ ] , { } , \"a\" ]", JSON_ARRAY, 0 },
		{ "{\"a\":{\"b\":[1,2.0,\"\\n\"]}}", JSON_OBJECT, JSON_HAS_REAL | JSON_HAS_ESCAPE },
		{ "{ \"a\" : NaN }", JSON_OBJECT, JSON_HAS_NOT_FINITE },
		{ "{\"\\u0000\":1}", JSON_OBJECT, JSON_HAS_ESCAPE | JSON_HAS_NUL },
		{ "{\"a\":1,\"a\":2}", JSON_OBJECT, 0 },
	};
	check_samples(samples, ARRAY_LEN(samples), 0);
}

TEST(refuses)
{
	static const struct sample samples[] = {
		{ "", JSON_ABSENT, 0 },
		{ "  ", JSON_ABSENT, 0 },
		{ "nul", JSON_ABSENT, 0 },
		{ "nulll", JSON_ABSENT, 0 },
		{ "True", JSON_ABSENT, 0 },
		{ "nan", JSON_ABSENT, 0 },
		{ "+1", JSON_ABSENT, 0 },
		{ "-", JSON_ABSENT, 0 },
		{ "-NaN", JSON_ABSENT, 0 },
		{ "01", JSON_ABSENT, 0 },
		{ "-01", JSON_ABSENT, 0 },
		{ "1.", JSON_ABSENT, 0 },
		{ ".5", JSON_ABSENT, 0 },
		{ "1e", JSON_ABSENT, 0 },
		{ "1e+", JSON_ABSENT, 0 },
		{ "0x10", JSON_ABSENT, 0 },
		{ "1 2", JSON_ABSENT, 0 },
		{ "\"", JSON_ABSENT, 0 },
		{ "\"a", JSON_ABSENT, 0 },
		{ "\"\\", JSON_ABSENT, 0 },
		{ "\"\\\"", JSON_ABSENT, 0 },
		{ "\"\\a\"", JSON_ABSENT, 0 },
		{ "\"\\u12\"", JSON_ABSENT, 0 },
		{ "\"\\u12g4\"", JSON_ABSENT, 0 },
		{ "\"\\ud83d\\u00\"", JSON_ABSENT, 0 },
		{ "\"\n\"", JSON_ABSENT, 0 },
		{ "\"a long plain text and then \x01\"", JSON_ABSENT, 0 },
		{ "'a'", JSON_ABSENT, 0 },
		{ "\"\x80\"", JSON_ABSENT, 0 },
		{ "\"\xc0\xaf\"", JSON_ABSENT, 0 },
		{ "\"\xe0\x80\x80\"", JSON_ABSENT, 0 },
		{ "\"\xed\xa0\x80\"", JSON_ABSENT, 0 },
		{ "\"\xf4\x90\x80\x80\"", JSON_ABSENT, 0 },
		{ "\"\xf5\x80\x80\x80\"", JSON_ABSENT, 0 },
		{ "\"\xe2\x82", JSON_ABSENT, 0 },
		{ "\xc2\xa0[]", JSON_ABSENT, 0 },
		{ "\xef\xbb\xbf[]", JSON_ABSENT, 0 },
		{ "[", JSON_ABSENT, 0 },
		{ "]", JSON_ABSENT, 0 },
		{ "[1", JSON_ABSENT, 0 },
		{ "[1,]", JSON_ABSENT, 0 },
		{ "[,1]", JSON_ABSENT, 0 },
		{ "[1 2]", JSON_ABSENT, 0 },
		{ "[1}", JSON_ABSENT, 0 },
		{ "[}", JSON_ABSENT, 0 },
		{ "[1]]", JSON_ABSENT, 0 },
		{ "{", JSON_ABSENT, 0 },
		{ "{]", JSON_ABSENT, 0 },
		{ "{\"a\"}", JSON_ABSENT, 0 },
		{ "{\"a\":}", JSON_ABSENT, 0 },
		{ "{\"a\":1,}", JSON_ABSENT, 0 },
		{ "{\"a\":1 \"b\":2}", JSON_ABSENT, 0 },
		{ "{a:1}", JSON_ABSENT, 0 },
		{ "{1:1}", JSON_ABSENT, 0 },
		{ "{\"a\":[1,2}", JSON_ABSENT, 0 },
		{ "[1]/**/", JSON_ABSENT, 0 },
	};
	check_samples(samples, ARRAY_LEN(samples), 0);
	struct json_span v;
	CHECK(!json_span_parse("\"a\0b\"", 5, 0, &v));
	CHECK(!json_span_parse("1\0", 2, 0, &v));
}

TEST(options)
{
	static const struct sample bom[] = {
		{ "\xef\xbb\xbf[]", JSON_ARRAY, 0 },
		{ "\xef\xbb\xbf\xef\xbb\xbf[]", JSON_ABSENT, 0 },
		{ " \xef\xbb\xbf[]", JSON_ABSENT, 0 },
	};
	static const struct sample halves[] = {
		{ "\"\xed\xa0\x80\"", JSON_STRING, JSON_HAS_HALF },
		{ "\"\xed\xbf\xbf\"", JSON_STRING, JSON_HAS_HALF },
		{ "\"\xed\xa0\"", JSON_ABSENT, 0 },
	};
	check_samples(bom, ARRAY_LEN(bom), JSON_BOM);
	check_samples(halves, ARRAY_LEN(halves), JSON_SURROGATES);
}

TEST(depth_is_bounded)
{
	char text[2 * JSON_MAX_DEPTH + 2];
	struct json_span v = { 0 };
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	CHECK(json_span_parse(text + 1, 2 * JSON_MAX_DEPTH, 0, &v));
	CHECK_INT(v.len, 2 * JSON_MAX_DEPTH);
	CHECK(!json_span_parse(text, 2 * JSON_MAX_DEPTH + 2, 0, &v));
	/* Stepping in counts as well. */
	struct json_scan s;
	json_scan_init(&s, text, sizeof(text), 0);
	CHECK(json_scan_enter(&s) && json_scan_element(&s));
	CHECK(!json_scan_value(&s, &v));
	CHECK(!json_scan_end(&s));
}

TEST(steps_into_containers)
{
	static const char text[] = " { \"a\" : [ 1 , [2] , {} ] , \"b\" : { } , \"a\" : \"x\" } ";
	struct json_scan s;
	struct json_span key, v;
	json_scan_init(&s, text, strlen(text), 0);
	CHECK_INT(json_scan_next(&s), '{');
	REQUIRE(json_scan_enter(&s));
	REQUIRE(json_scan_member(&s, &key));
	CHECK(json_span_is(&key, "a") && !json_span_is(&key, "ab") && !json_span_is(&key, ""));
	REQUIRE(json_scan_enter(&s));
	REQUIRE(json_scan_element(&s) && json_scan_value(&s, &v));
	CHECK_MEM(v.p, v.len, "1", (size_t)1);
	REQUIRE(json_scan_element(&s) && json_scan_value(&s, &v));
	CHECK_MEM(v.p, v.len, "[2]", (size_t)3);
	REQUIRE(json_scan_element(&s) && json_scan_value(&s, &v));
	CHECK(v.kind == JSON_OBJECT && v.empty);
	CHECK(!json_scan_element(&s));
	REQUIRE(json_scan_member(&s, &key));
	REQUIRE(json_scan_enter(&s));
	CHECK(!json_scan_member(&s, &key));
	REQUIRE(json_scan_member(&s, &key) && json_scan_value(&s, &v));
	CHECK(json_span_is(&v, "x"));
	CHECK(!json_scan_member(&s, &key));
	CHECK(json_scan_end(&s));
}

TEST(errors_end_every_loop)
{
	static const char *const texts[] = { "{\"a\":1", "{\"a\":1,", "{\"a\" 1}",
					     "{,}",	 "{\"a\":1]", "{\"a\":[}" };
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct json_scan s;
		struct json_span key, v;
		int members = 0;
		json_scan_init(&s, texts[i], strlen(texts[i]), 0);
		CHECK(json_scan_enter(&s));
		while (json_scan_member(&s, &key) && members++ < 10)
			(void)json_scan_value(&s, &v);
		CHECK(members <= 1);
		CHECK(!json_scan_end(&s));
		CHECK(!json_scan_value(&s, &v) && !json_scan_enter(&s) && !json_scan_element(&s));
	}
}

TEST(last_duplicate_wins)
{
	struct json_span o, v;
	static const char text[] = "{\"a\":1,\"b\":2,\"\\u0061\":3}";
	REQUIRE(json_span_parse(text, strlen(text), 0, &o));
	json_span_get(&o, "a", &v);
	CHECK_MEM(v.p, v.len, "3", (size_t)1);
	json_span_get(&o, "c", &v);
	CHECK_INT(v.kind, JSON_ABSENT);
	json_span_get(&v, "a", &v);
	CHECK_INT(v.kind, JSON_ABSENT);
}

static void check_text(const char *text, const char *wanted, size_t len)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	struct json_span v;
	REQUIRE(json_span_parse(text, strlen(text), JSON_SURROGATES, &v));
	json_span_text(&v, &out);
	CHECK_MEM(out.data, out.len, wanted, len);
	CHECK(json_span_equals(&v, wanted, len));
	CHECK(!json_span_equals(&v, wanted, len - 1));
}

/* First and last character of each length, and beside the surrogates: as escape and as they are. */
TEST(edges_of_utf8)
{
	static const struct {
		const char *escape, *text;
	} samples[] = {
		{ "\\u0001", "\x01" },
		{ "\\u007f", "\x7f" },
		{ "\\u0080", "\xc2\x80" },
		{ "\\u07ff", "\xdf\xbf" },
		{ "\\u0800", "\xe0\xa0\x80" },
		{ "\\ud7ff", "\xed\x9f\xbf" },
		{ "\\ue000", "\xee\x80\x80" },
		{ "\\uffff", "\xef\xbf\xbf" },
		{ "\\ud800\\udc00", "\xf0\x90\x80\x80" },
		{ "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
		{ "\\udbff\\udfff", "\xf4\x8f\xbf\xbf" },
	};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		size_t len = strlen(samples[i].text);
		AUTO_FREE char *escaped = xasprintf("\"%s\"", samples[i].escape);
		check_text(escaped, samples[i].text, len);
		CHECK_INT(utf8_sequence(samples[i].text, samples[i].text + len), len);
		/* An escape in front makes it go through the decoder, character by character. */
		if (i > 0) {
			AUTO_FREE char *plain = xasprintf("\"\\n%s\"", samples[i].text);
			AUTO_FREE char *wanted = xasprintf("\n%s", samples[i].text);
			check_text(plain, wanted, len + 1);
		}
	}
	static const char *const none[] = { "\x80",
					    "\xbf",
					    "\xc1\xbf",
					    "\xdf",
					    "\xe0\x9f\xbf",
					    "\xed\xa0\x80",
					    "\xed\xbf\xbf",
					    "\xf0\x8f\xbf\xbf",
					    "\xf4\x90\x80\x80",
					    "\xf5\x80\x80\x80",
					    "\xe1\x80",
					    "\xf1\x80\x80",
					    "\xc2\xc0",
					    "\xe1\x80\x7f" };
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		CHECK_INT(utf8_sequence(none[i], none[i] + strlen(none[i])), 0);
}

TEST(escapes_are_decoded)
{
	check_text("\"plain\"", "plain", 5);
	check_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8);
	check_text("\"a\\u0000b\"", "a\0b", 3);
	check_text("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 6);
	check_text("\"\\ud83d\\ude00\\n\"", "\xf0\x9f\x98\x80\n", 5);
	check_text("\"\\ud83d\\u0041\"",
		   "\xed\xa0\xbd"
		   "A",
		   4);
	check_text("\"\\n\xf0\x9f\x98\x80\xc3\xa9\"", "\n\xf0\x9f\x98\x80\xc3\xa9", 7);
}

TEST(truth_is_pythons)
{
	static const struct {
		const char *text;
		bool truth;
	} samples[] = {
		{ "null", false },	 { "false", false },   { "true", true },
		{ "0", false },		 { "-0", false },      { "0.0", false },
		{ "-0e9", false },	 { "1e-400", false },  { "1", true },
		{ "1e-300", true },	 { "NaN", true },      { "-Infinity", true },
		{ "\"\"", false },	 { "\"0\"", true },    { "[]", false },
		{ "[ ]", false },	 { "[0]", true },      { "{}", false },
		{ "{ \n }", false },	 { "{\"\":0}", true }, { "[[]]", true },
		{ "\"\\u0000\"", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct json_span v;
		REQUIRE(json_span_parse(samples[i].text, strlen(samples[i].text), 0, &v));
		if (!CHECK_INT(json_span_true(&v), samples[i].truth))
			fprintf(stderr, "#	in: %s\n", samples[i].text);
	}
	CHECK(!json_span_true(&(struct json_span){ .kind = JSON_ABSENT }));
}

TEST(huge_numbers_are_marked)
{
	enum { DIGITS = 131073 };
	AUTO_FREE char *text = xmalloc(DIGITS);
	struct json_span v;
	memset(text, '9', DIGITS);
	REQUIRE(json_span_parse(text, DIGITS, 0, &v));
	CHECK_INT(v.flags, JSON_HAS_HUGE);
	REQUIRE(json_span_parse(text, DIGITS - 1, 0, &v));
	CHECK_INT(v.flags, 0);
	CHECK(json_span_double(&v) > 1e308);
}

/* Every cut of a valid document is invalid, and reads nothing behind its end. */
TEST(no_prefix_is_valid)
{
	static const char text[] =
		"{\"a\":[true,false,null,-1.5e+3,Infinity,\"\\ud83d\\ude00\xe2\x82\xac\"],\"b\":{}}";
	struct json_span v;
	for (size_t n = 0; n < strlen(text); n++) {
		AUTO_FREE char *copy = xmalloc(n ? n : 1);
		memcpy(copy, text, n);
		CHECK(!json_span_parse(copy, n, 0, &v));
	}
	CHECK(json_span_parse(text, strlen(text), 0, &v));
}

TAP_MAIN(row(kinds_and_marks), row(refuses), row(options), row(depth_is_bounded),
	 row(steps_into_containers), row(errors_end_every_loop), row(last_duplicate_wins),
	 row(edges_of_utf8), row(escapes_are_decoded), row(truth_is_pythons),
	 row(huge_numbers_are_marked), row(no_prefix_is_valid))
