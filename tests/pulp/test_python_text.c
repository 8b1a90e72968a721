/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Python's spelling of values; what is wanted here was printed by CPython 3.11. */
#include "lib/core/mem.h"
#include "lib/pulp/python_text.h"
#include "tests/harness/tap.h"

static void check(bool (*spell)(const struct json_span *, struct strbuf *), const char *text,
		  const char *wanted)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	struct json_span v;
	strbuf_adds(&out, "before");
	REQUIRE(json_span_parse(text, strlen(text), JSON_SURROGATES, &v));
	CHECK_INT(spell(&v, &out), wanted != NULL);
	if (wanted)
		CHECK_STR(out.data + 6, wanted);
	else
		CHECK_STR(out.data, "before");
}

TEST(str)
{
	static const char *const samples[][2] = {
		{ "5", "5" },
		{ "-0", "0" },
		{ "123456789012345678901234567890", "123456789012345678901234567890" },
		{ "true", "True" },
		{ "null", "None" },
		{ "0.0", "0.0" },
		{ "-0.0", "-0.0" },
		{ "1.0", "1.0" },
		{ "100e0", "100.0" },
		{ "1e15", "1000000000000000.0" },
		{ "1e16", "1e+16" },
		{ "123456789012345680.0", "1.2345678901234568e+17" },
		{ "0.0001", "0.0001" },
		{ "0.00001234", "1.234e-05" },
		{ "0.1", "0.1" },
		{ "0.30000000000000004", "0.30000000000000004" },
		{ "2.5e-5", "2.5e-05" },
		{ "5e-324", "5e-324" },
		{ "1.7976931348623157e308", "1.7976931348623157e+308" },
		{ "1e309", "inf" },
		{ "-Infinity", "-inf" },
		{ "NaN", "nan" },
		{ "[]", "[]" },
		{ "[1,\"a\",[true,null],1.50]", "[1, 'a', [True, None], 1.5]" },
		{ "{}", "{}" },
		{ "{\"a\":1,\"b\":{\"c\":2},\"a\":3}", "{'a': 3, 'b': {'c': 2}}" },
		{ "[\"it's\"]", "[\"it's\"]" },
		{ "[\"a\\\"b\"]", "['a\"b']" },
		{ "[\"a\\\"b'c\"]", "['a\"b\\'c']" },
		{ "[\"\\n\\t\\r\\u0000\\u001f\\u007f\\\\\"]", "['\\n\\t\\r\\x00\\x1f\\x7f\\\\']" },
		{ "[\"\xc3\xa9\"]", NULL },
		{ "{\"\xc3\xa9\":1}", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		check(python_str, samples[i][0], samples[i][1]);
}

TEST(str_of_something_large)
{
	char text[2000];
	memset(text, '[', 1000);
	memset(text + 1000, ']', 1000);
	struct json_span v;
	AUTO_STRBUF struct strbuf out = { 0 };
	REQUIRE(json_span_parse(text, sizeof(text), 0, &v));
	CHECK(!python_str(&v, &out));
	REQUIRE(json_span_parse(text + 800, 400, 0, &v));
	CHECK(python_str(&v, &out));
	CHECK_MEM(out.data, out.len, text + 800, (size_t)400);
}

TEST(json)
{
	static const char *const samples[][2] = {
		{ "{ \"a\" : [ 1 , 2.50 , true , null ] }", "{\"a\": [1, 2.5, true, null]}" },
		{ "[1e5,\"\\u00e9\"]", "[100000.0, \"\xc3\xa9\"]" },
		{ "\"a\\\"\\\\\\n\"", "\"a\\\"\\\\\\u000a\"" },
		{ "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
		{ "\"\\ud83d\xed\xb8\x80\"", "\"\xf0\x9f\x98\x80\"" },
		{ "\"\\ud83d\"", NULL },
		{ "\"\\ud83dx\"", NULL },
		{ "\"\\ude00\"", NULL },
		{ "\"\\u0000\"", NULL },
		{ "NaN", NULL },
		{ "[[1e309]]", NULL },
		{ "{\"a\":NaN,\"b\":1,\"\\u0061\":2}", "{\"b\": 1, \"a\": 2}" },
		{ "{\"b\":1,\"a\":[NaN],\"a\":NaN}", NULL },
		{ "{\"a\":NaN,\"b\":1}", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		check(python_json, samples[i][0], samples[i][1]);
}

TEST(decode)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	CHECK(!python_decode("{}", 2, &out));
	CHECK(!python_decode("", 0, &out));
	CHECK(!python_decode("\xef\xbb\xbf{}", 5, &out));
	CHECK(python_decode("5\0", 2, &out));
	CHECK_STR(out.data, "5");
	strbuf_clear(&out);
	/* A pair is one character, a half passes as it is. */
	CHECK(python_decode("\xff\xfe\x3d\xd8\x00\xde\x3d\xd8", 8, &out));
	CHECK_STR(out.data, "\xf0\x9f\x98\x80\xed\xa0\xbd");
	strbuf_clear(&out);
	CHECK(python_decode("\0\0\0[\0\x01\xf6\0\0\0\0]", 12, &out));
	CHECK_STR(out.data, "[\xf0\x9f\x98\x80]");
	strbuf_clear(&out);
	CHECK(python_decode("\0\0\xfe\xff\0\x10\xff\xff", 8, &out));
	CHECK_STR(out.data, "\xf4\x8f\xbf\xbf");
	/* Three bytes are never guessed to be anything but UTF-8, nor is one. */
	CHECK(!python_decode("5\0 ", 3, &out));
	CHECK(!python_decode("\0", 1, &out));
	strbuf_clear(&out);
	CHECK(python_decode("\0005", 2, &out));
	CHECK_STR(out.data, "5");
	strbuf_clear(&out);
	CHECK(python_decode("5\0\0\0", 4, &out));
	CHECK_STR(out.data, "5");
	/* No character, and half a unit. */
	CHECK(!python_decode("\0\0\0[\0\x11\0\0", 8, &out));
	CHECK(!python_decode("[\0]\0 ", 5, &out));
}

TAP_MAIN(row(str), row(str_of_something_large), row(json), row(decode))
