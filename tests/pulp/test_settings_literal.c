/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The literal parser: what it reads, and above all what it must not dare to read.  A case that it
 * wrongly believes would send a migration to another database than Pulp's.
 */
#include "lib/pulp/settings_literal.h"
#include "tests/harness/tap.h"

static const char *const wanted[] = { "DATABASES", "MEDIA_ROOT", "REDIS_PORT", "CACHE_ENABLED",
				      NULL };

struct good {
	const char *source, *json;
};
struct bad {
	const char *source, *why;
	int line;
};

static void check_good(const struct good *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct strbuf json = { 0 };
		struct literal_doubt doubt;
		if (!CHECK(settings_literal(rows[i].source, strlen(rows[i].source), wanted, &json,
					    &doubt)))
			fprintf(stderr, "#	%s\n#	%s (%s)\n", rows[i].source, doubt.why,
				doubt.name);
		else
			CHECK_STR(json.data, rows[i].json);
		strbuf_release(&json);
	}
}

static void check_bad(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct strbuf json = { 0 };
		struct literal_doubt doubt;
		if (!CHECK(!settings_literal(rows[i].source, strlen(rows[i].source), wanted, &json,
					     &doubt))) {
			fprintf(stderr, "#	believed: %s\n#	as %s\n", rows[i].source,
				json.data);
		} else {
			if (!CHECK(strstr(doubt.why, rows[i].why)))
				fprintf(stderr, "#	%s: %s\n", rows[i].source, doubt.why);
			CHECK_INT(doubt.line, rows[i].line);
			CHECK_INT(json.len, 0);
		}
		strbuf_release(&json);
	}
}
#define GOOD(...)                                                  \
	do {                                                       \
		static const struct good rows[] = { __VA_ARGS__ }; \
		check_good(rows, sizeof rows / sizeof *rows);      \
	} while (0)
#define BAD(...)                                                  \
	do {                                                      \
		static const struct bad rows[] = { __VA_ARGS__ }; \
		check_bad(rows, sizeof rows / sizeof *rows);      \
	} while (0)

TEST(reads_what_installers_write)
{
	GOOD({ "", "{}" }, { "# only a comment", "{}" },
	     { "CONTENT_ORIGIN = \"https://pulp.example.com\"\n"
	       "SECRET_KEY = \"x\"\n"
	       "DATABASES = {\n"
	       "  'default': {\n"
	       "    'ENGINE': 'django.db.backends.postgresql',  # no other\n"
	       "    'NAME': 'pulpcore',\n"
	       "    'HOST': '', 'PORT': 5432,\n"
	       "    'OPTIONS': {'sslmode': 'verify-full', },\n"
	       "  },\n"
	       "}\n"
	       "CACHE_ENABLED = True\n"
	       "REDIS_PORT = \"6379\"\n"
	       "\n"
	       "MEDIA_ROOT = \"/var/lib/pulp/media\"\n",
	       "{\"DATABASES\":{\"default\":{\"ENGINE\":\"django.db.backends.postgresql\",\"NAME\":\"pulpcore\","
	       "\"HOST\":\"\",\"PORT\":5432,\"OPTIONS\":{\"sslmode\":\"verify-full\"}}},\"CACHE_ENABLED\":true,"
	       "\"REDIS_PORT\":\"6379\",\"MEDIA_ROOT\":\"/var/lib/pulp/media\"}" },
	     { "import os\nfrom socket import getfqdn\n\"\"\"Doc\nstring\"\"\"\n"
	       "CONTENT_ORIGIN = 'https://' + getfqdn() + os.sep\nMEDIA_ROOT='/m'",
	       "{\"MEDIA_ROOT\":\"/m\"}" },
	     { "\xef\xbb\xbf# -*- coding: utf-8 -*-\r\nMEDIA_ROOT = '/m'\r\nCACHE_ENABLED = False\r\n",
	       "{\"MEDIA_ROOT\":\"/m\",\"CACHE_ENABLED\":false}" },
	     { "MEDIA_ROOT = '/m'; X = 1", "{\"MEDIA_ROOT\":\"/m\"}" },
	     { "if True:\n    X = 1\nMEDIA_ROOT = '/m'", "{\"MEDIA_ROOT\":\"/m\"}" },
	     { "MEDIA_ROOT_2 = MY_MEDIA_ROOT = '/x'", "{}" },
	     { "X = 'MEDIA_ROOT'; Y = \"\"\"\nMEDIA_ROOT = 1\n\"\"\"", "{}" },
	     { "MEDIA_ROOT = \\\n'/m'", "{\"MEDIA_ROOT\":\"/m\"}" });
}

TEST(reads_strings)
{
	GOOD({ "MEDIA_ROOT = '/a' \"b\" r'\\c'", "{\"MEDIA_ROOT\":\"/ab\\\\c\"}" },
	     { "MEDIA_ROOT = ('/a'\n   'b')", "{\"MEDIA_ROOT\":\"/ab\"}" },
	     { "MEDIA_ROOT = u'\\x41\\101\\u00e9\\U0001F600\\q\\'\\\"\\\\\\n'",
	       "{\"MEDIA_ROOT\":\"AA\xc3\xa9\xf0\x9f\x98\x80\\\\q'\\\"\\\\\\n\"}" },
	     { "MEDIA_ROOT = '''a\n'b' \"c\"'''", "{\"MEDIA_ROOT\":\"a\\n'b' \\\"c\\\"\"}" },
	     { "MEDIA_ROOT = 'a\\\nb'", "{\"MEDIA_ROOT\":\"ab\"}" },
	     { "MEDIA_ROOT = '#not a comment'", "{\"MEDIA_ROOT\":\"#not a comment\"}" },
	     { "MEDIA_ROOT = ''", "{\"MEDIA_ROOT\":\"\"}" },
	     { "MEDIA_ROOT = '\xc3\xa9'", "{\"MEDIA_ROOT\":\"\xc3\xa9\"}" });
}

TEST(reads_other_literals)
{
	GOOD({ "REDIS_PORT = 6_379", "{\"REDIS_PORT\":6379}" },
	     { "REDIS_PORT = -1", "{\"REDIS_PORT\":-1}" },
	     { "REDIS_PORT = +0x_18eB", "{\"REDIS_PORT\":6379}" },
	     { "REDIS_PORT = 0o14", "{\"REDIS_PORT\":12}" },
	     { "REDIS_PORT = 0b11", "{\"REDIS_PORT\":3}" },
	     { "REDIS_PORT = 00", "{\"REDIS_PORT\":0}" },
	     { "REDIS_PORT = 1.5", "{\"REDIS_PORT\":1.5}" },
	     { "REDIS_PORT = 1e2", "{\"REDIS_PORT\":100.0}" },
	     { "REDIS_PORT = None", "{\"REDIS_PORT\":null}" },
	     { "REDIS_PORT = (1)", "{\"REDIS_PORT\":1}" },
	     { "REDIS_PORT = (1,)", "{\"REDIS_PORT\":[1]}" },
	     { "REDIS_PORT = ()", "{\"REDIS_PORT\":[]}" },
	     { "REDIS_PORT = [1, 'a', [True,],]", "{\"REDIS_PORT\":[1,\"a\",[true]]}" },
	     { "DATABASES = {}", "{\"DATABASES\":{}}" });
}

TEST(doubts_a_name_bound_otherwise)
{
	BAD({ "MEDIA_ROOT = '/a'\nMEDIA_ROOT = '/b'", "second", 2 },
	    { "MEDIA_ROOT = '/a'\ndel MEDIA_ROOT", "second", 2 },
	    { "MEDIA_ROOT = '/a'\nX = MEDIA_ROOT", "second", 2 },
	    { "if X:\n  MEDIA_ROOT = '/a'", "not understood", 2 },
	    { "if X: MEDIA_ROOT = '/a'", "not understood", 1 },
	    { "X = 1; MEDIA_ROOT = '/a'", "not understood", 1 },
	    { "if X: \\\nMEDIA_ROOT = '/a'", "not understood", 2 },
	    { "MEDIA_ROOT: str = '/a'", "not understood", 1 },
	    { "MEDIA_ROOT += '/a'", "not understood", 1 },
	    { "MEDIA_ROOT == '/a'", "not understood", 1 },
	    { "X = MEDIA_ROOT = '/a'", "not understood", 1 },
	    { "MEDIA_ROOT = X = '/a'", "not a literal", 1 },
	    { "MEDIA_ROOT, X = '/a', 1", "not understood", 1 },
	    { "DATABASES['default']['NAME'] = 'x'", "not understood", 1 },
	    { "DATABASES = {}\nDATABASES['default'] = {}", "second", 2 },
	    { "from x import MEDIA_ROOT", "not understood", 1 },
	    { "from x import *", "imports all", 1 }, { "from x import \\\n *", "imports all", 2 },
	    { "import x as MEDIA_ROOT", "not understood", 1 },
	    { "print(MEDIA_ROOT := '/a')", "not understood", 1 },
	    { "def MEDIA_ROOT(): pass", "not understood", 1 },
	    { "MEDIA_ROOT", "not understood", 1 });
}

TEST(doubts_values_that_are_code)
{
	BAD({ "MEDIA_ROOT = X", "not a literal", 1 },
	    { "MEDIA_ROOT = os.environ['X']", "not a literal", 1 },
	    { "MEDIA_ROOT = '/a' + 'b'", "not a literal", 1 },
	    { "MEDIA_ROOT = '/a' if X else '/b'", "not a literal", 1 },
	    { "MEDIA_ROOT = '/a'.strip()", "not a literal", 1 },
	    { "MEDIA_ROOT = '%s' % X", "not a literal", 1 },
	    { "MEDIA_ROOT = '/a', '/b'", "not a literal", 1 },
	    { "MEDIA_ROOT = f'/{x}'", "formatted", 1 }, { "MEDIA_ROOT = b'/a'", "bytes", 1 },
	    { "MEDIA_ROOT = t'/a'", "unknown kind", 1 },
	    { "MEDIA_ROOT = '\\N{BULLET}'", "escape", 1 },
	    { "MEDIA_ROOT = '\\ud800'", "escape", 1 }, { "MEDIA_ROOT = '\\0'", "escape", 1 },
	    { "MEDIA_ROOT = '\\x4'", "escape", 1 }, { "MEDIA_ROOT = '\\U00110000'", "escape", 1 },
	    { "DATABASES = {1: 2}", "key", 1 }, { "DATABASES = {'a', 'b'}", "not a literal", 1 },
	    { "DATABASES = {**X}", "key", 1 },
	    { "DATABASES = {'a': 1 'b': 2}", "not a literal", 1 },
	    { "DATABASES = [1 2]", "not a literal", 1 },
	    { "DATABASES = [x for x in y]", "not a literal", 1 },
	    { "DATABASES = {'a': X}", "not a literal", 1 },
	    { "DATABASES = dict(a=1)", "not a literal", 1 }, { "REDIS_PORT = 01", "number", 1 },
	    { "REDIS_PORT = 1j", "number", 1 }, { "REDIS_PORT = 0x", "number", 1 },
	    { "REDIS_PORT = 99999999999999999999", "number", 1 },
	    { "REDIS_PORT = 1__0", "number", 1 }, { "REDIS_PORT = 1e999", "number", 1 },
	    { "REDIS_PORT = 0x0x1", "number", 1 }, { "REDIS_PORT = - - 1", "not a literal", 1 },
	    { "REDIS_PORT =", "not a literal", 1 }, { "REDIS_PORT = \n1", "not a literal", 2 });
}

TEST(doubts_what_can_bind_by_other_means)
{
	BAD({ "MEDIA_ROOT='/a'\nglobals()['MEDIA_ROOT'] = '/b'", "can bind", 2 },
	    { "MEDIA_ROOT='/a'\nexec(open('/etc/x').read())", "can bind", 2 },
	    { "MEDIA_ROOT='/a'\nimport sys\nsetattr(sys.modules['x'], 'A', 1)", "can bind", 3 },
	    { "x.__dict__", "can bind", 1 }, { "X = f'{(y := 1)}'", "formatted", 1 },
	    { "_dynaconf_hook = lambda s: {}", "dynaconf", 1 },
	    { "DYNACONF_MERGE = True", "dynaconf", 1 },
	    { "DATABASES = {'dynaconf_merge': True}", "dynaconf", 1 },
	    { "MEDIA_ROOT = '@format {x}'", "converts", 1 },
	    { "DATABASES = {'default': {'PASSWORD': '@int 1'}}", "converts", 1 },
	    { "DATABASES__default__NAME = 'x'", "part of a setting", 1 });
}

TEST(doubts_text_that_only_python_understands)
{
	BAD({ "# coding: latin-1\nMEDIA_ROOT='/a'", "UTF-8", 1 },
	    { "\n# vim: set fileencoding=cp1252 :\n", "UTF-8", 1 },
	    { "MEDIA_ROOT = '\xff'", "UTF-8", 1 }, { "# x\rMEDIA_ROOT = '/b'\n", "carriage", 1 },
	    { "MEDIA_ROOT = 'a\\\r\nb'", "without end", 1 },
	    { "\xef\xbc\xad\x45\x44IA_ROOT = '/b'", "unusual", 1 },
	    { "MEDIA_ROOT = '/a", "without end", 1 }, { "MEDIA_ROOT = '/a\nb'", "without end", 1 },
	    { "MEDIA_ROOT = '''a", "without end", 1 },
	    { "X = (1\nMEDIA_ROOT = '/a'", "not understood", 2 },
	    { "X = (1", "inside brackets", 1 }, { "X = (1]", "do not match", 1 },
	    { "X = 1)", "do not match", 1 }, { "\\\nMEDIA_ROOT = '/a'", "backslash", 1 },
	    { "X = 1 \\ \n", "backslash", 1 });
}

TEST(doubts_deep_nesting)
{
	char deep[600] = "DATABASES = ";
	struct strbuf json = { 0 };
	struct literal_doubt doubt;

	memset(deep + 12, '[', 250);
	memset(deep + 262, ']', 250);
	CHECK(!settings_literal(deep, 512, wanted, &json, &doubt));
	CHECK_STR(doubt.why, "is nested too deeply");
	memset(deep + 12, '[', 60);
	memset(deep + 72, ']', 60);
	CHECK(settings_literal(deep, 132, wanted, &json, &doubt));
	strbuf_release(&json);
}

TAP_MAIN(row(reads_what_installers_write), row(reads_strings), row(reads_other_literals),
	 row(doubts_a_name_bound_otherwise), row(doubts_values_that_are_code),
	 row(doubts_what_can_bind_by_other_means), row(doubts_text_that_only_python_understands),
	 row(doubts_deep_nesting))
