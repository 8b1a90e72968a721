/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON: what is taken and what is not, walking a tree, and quoting that is always valid. */
#include "lib/core/mem.h"
#include "lib/drivers/json.h"
#include "tests/harness/tap.h"

static struct err err;

static void free_tree(struct json **v)
{
	json_free(*v);
}
#define AUTO_JSON __attribute__((cleanup(free_tree)))

static const char *const good[] = { "1",	   "-0",   "1e5",
				    " [1] ",	   "true", "null",
				    "\"\\u00e4\"", "{}",   "\"\xC3\xA4\"",
				    "[[]]",	   "-1.5", "{\"a\":1,\"a\":2}" };
static const char *const bad[] = {
	"",	 " ",	     "NaN",	"Infinity",  "-Infinity",  "1e999", "[NaN]", "nan",
	"01",	 ".5",	     "+1",	"[1,]",	     "{\"a\":1,}", "'a'",   "[1] x", "1 2",
	"/**/1", "\"\xff\"", "\"\xC3",	"{a:1}",     "-",	   "[1",    "\"abc", "tru",
	"TRUE",	 "[1 2]",    "\"\\x\"", "\"\\ud8\"", "nul",
};

TEST(strict)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		AUTO_JSON struct json *v = NULL;
		if (!CHECK(json_parse(good[i], strlen(good[i]), &v, &err)))
			fprintf(stderr, "# %s: %s\n", good[i], err.text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct json *v = NULL;
		if (!CHECK(!json_parse(bad[i], strlen(bad[i]), &v, &err)) || !CHECK(v == NULL))
			fprintf(stderr, "# %s\n", bad[i]);
		CHECK_INT(err.code, ERR_DATA);
	}
}

TEST(length_counts)
{
	AUTO_JSON struct json *v = NULL;
	CHECK(json_parse("12345", 2, &v, &err));
	long n = 0;
	CHECK(json_long(v, &n));
	CHECK_INT(n, 12);
	struct json *w = NULL;
	CHECK(!json_parse("12\0x", 4, &w, &err));
	CHECK(!json_parse("[1]\0", 4, &w, &err));
}

TEST(depth_is_bounded)
{
	char deep[2001];
	memset(deep, '[', 1000);
	memset(deep + 1000, ']', 1000);
	struct json *v = NULL;
	CHECK(!json_parse(deep, 2000, &v, &err));
	CHECK(strstr(err.text, "depth") || strstr(err.text, "deep"));
}

TEST(values)
{
	static const char text[] = "{\"default\": {\"HOST\": \"db\", \"n\": null, \"on\": true},"
				   " \"list\": [1, null, \"x\"], \"big\": 9223372036854775808,"
				   " \"small\": -9223372036854775809, \"max\": 9223372036854775806,"
				   " \"real\": 1.0, \"s\": \"1\"}";
	AUTO_JSON struct json *v = NULL;
	REQUIRE(json_parse(text, sizeof text - 1, &v, &err));
	CHECK_STR(json_text(json_get(v, "default.HOST")), "db");
	CHECK(json_get(v, "default.nosuch") == NULL);
	CHECK(json_get(v, "default.HOST.deeper") == NULL);
	CHECK(json_get(v, "nosuch.HOST") == NULL);
	CHECK(json_get(v, "list.0") == NULL);
	CHECK(json_get(v, "") == v);
	/* null is there, and is not the same as absent. */
	const struct json *null = json_get(v, "default.n");
	CHECK(null != NULL && json_is_null(null));
	CHECK(!json_is_null(NULL));
	CHECK(!json_is_null(v));
	CHECK(json_get(null, "x") == NULL);
	CHECK_INT(json_count(null), 0);
	CHECK(json_text(null) == NULL);
	bool on = false;
	CHECK(json_bool(json_get(v, "default.on"), &on) && on);
	CHECK(!json_bool(null, &on));
	CHECK(!json_bool(json_get(v, "s"), &on));
	const struct json *list = json_get(v, "list");
	CHECK_INT(json_count(list), 3);
	CHECK_INT(json_count(v), 7);
	CHECK_INT(json_count(json_get(v, "s")), 0);
	long n = 7;
	CHECK(json_long(json_at(list, 0), &n));
	CHECK_INT(n, 1);
	CHECK(json_is_null(json_at(list, 1)));
	CHECK(json_at(list, 3) == NULL);
	CHECK(json_at(v, 0) == NULL);
	CHECK(json_text(json_at(list, 0)) == NULL);
	CHECK(json_long(json_get(v, "max"), &n) && n == 9223372036854775806);
	CHECK(!json_long(json_get(v, "big"), &n));
	CHECK(!json_long(json_get(v, "small"), &n));
	CHECK(!json_long(json_get(v, "real"), &n));
	CHECK(!json_long(json_get(v, "s"), &n));
	CHECK(!json_long(NULL, &n));
	CHECK_INT(n, 9223372036854775806);
	CHECK(json_text(NULL) == NULL);
}

static void note(void *arg, const char *key, const struct json *value)
{
	struct strbuf *b = arg;
	strbuf_addf(b, "%s%s ", key, json_is_null(value) ? "!" : "");
}

TEST(each_member_in_order)
{
	AUTO_JSON struct json *v = NULL;
	REQUIRE(json_parse("{\"z\":1,\"a\":null,\"m\":[]}", 23, &v, &err));
	AUTO_STRBUF struct strbuf b = { 0 };
	json_each(v, note, &b);
	CHECK_STR(b.data, "z a! m ");
	strbuf_clear(&b);
	json_each(json_get(v, "m"), note, &b);
	json_each(NULL, note, &b);
	CHECK_INT(b.len, 0);
}

TEST(null_as_a_whole)
{
	AUTO_JSON struct json *v = NULL;
	REQUIRE(json_parse("null", 4, &v, &err));
	CHECK(json_is_null(v));
}

#define BAD "\xEF\xBF\xBD"
static const struct {
	const char *in;
	size_t len;
	const char *out;
} quotes[] = {
	{ "", 0, "\"\"" },
	{ "plain /", 7, "\"plain /\"" },
	{ "a\"b\\c", 5, "\"a\\\"b\\\\c\"" },
	{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
	{ "\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"" },
	{ "\x1b[31m", 5, "\"\\u001b[31m\"" },
	{ "\xC2\x9B", 2, "\"\\u009b\"" }, /* CSI in one character */
	{ "\xC2\xA0\xC3\xA4", 4, "\"\xC2\xA0\xC3\xA4\"" },
	{ "\xE2\x82\xAC\xF0\x9F\x90\xB3", 7, "\"\xE2\x82\xAC\xF0\x9F\x90\xB3\"" },
	{ "\xff"
	  "a",
	  2, "\"" BAD "a\"" },
	{ "\xC0\xAF", 2, "\"" BAD BAD "\"" },	      /* an overlong slash */
	{ "\xED\xA0\x80", 3, "\"" BAD BAD BAD "\"" }, /* a surrogate */
	{ "\xF4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\"" },
	{ "\xE0\x9F\xBF", 3, "\"" BAD BAD BAD "\"" },
	{ "\xF0\x8F\xBF\xBF", 4, "\"" BAD BAD BAD BAD "\"" },
	{ "\xE2\x82", 2, "\"" BAD "\"" }, /* cut off */
	{ "\xF0\x9F\x90", 3, "\"" BAD "\"" },
	{ "\xE2\x82"
	  "a",
	  3, "\"" BAD "a\"" },
	{ "\xF4\x8F\xBF\xBF\xED\x9F\xBF", 7, "\"\xF4\x8F\xBF\xBF\xED\x9F\xBF\"" },
};

TEST(quoting)
{
	for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
		AUTO_STRBUF struct strbuf b = { 0 };
		json_quote(&b, quotes[i].in, quotes[i].len);
		if (!CHECK_STR(b.data, quotes[i].out))
			fprintf(stderr, "# row %zu\n", i);
	}
}

/* Whatever the bytes, the result parses; and what was valid comes back as it was. */
TEST(quoted_is_json)
{
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			const unsigned char in[] = { (unsigned char)a, (unsigned char)b, 0xBF,
						     'x' };
			AUTO_STRBUF struct strbuf q = { 0 };
			json_quote(&q, (const char *)in, sizeof in);
			AUTO_JSON struct json *v = NULL;
			if (!json_parse(q.data, q.len, &v, &err)) {
				CHECK(false);
				fprintf(stderr, "# %02x %02x: %s\n", a, b, err.text);
				return;
			}
		}
	}
	CHECK(true);
}

TAP_MAIN(row(strict), row(length_counts), row(depth_is_bounded), row(values),
	 row(each_member_in_order), row(null_as_a_whole), row(quoting), row(quoted_is_json))
