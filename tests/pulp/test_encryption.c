/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of keys as pulpcore reads them. */
#include "lib/pulp/encryption.h"
#include "tests/harness/tap.h"

#define ONE "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
#define TWO "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static long keys_of(const char *text)
{
	struct encryption_keys k;
	struct err err;

	return encryption_keys_parse(text, strlen(text), &k, &err) ? (long)k.n : -1;
}

TEST(files_of_keys)
{
	CHECK_INT(keys_of(ONE), 1);
	CHECK_INT(keys_of(ONE "\n"), 1);
	CHECK_INT(keys_of("# new\n" ONE "\r\n\n  # old\n  " TWO "  \n"), 2);
}

TEST(what_is_none)
{
	struct encryption_keys k = { .n = 7 };
	struct err err;
	static const char nul[] = ONE "\n\0\n";

	CHECK_INT(keys_of(""), -1);
	CHECK_INT(keys_of("# nothing\n"), -1);
	CHECK_INT(keys_of(ONE "\nhunter2\n"), -1);
	CHECK_INT(keys_of(ONE TWO), -1);
	CHECK(!encryption_keys_parse(nul, sizeof nul - 1, &k, &err));
	CHECK_STR(err.text, "line 2 is not the base64 of 32 bytes");
	CHECK_INT(k.n, 7);
}

TEST(a_key_is_never_in_a_message)
{
	struct encryption_keys k;
	struct err err;

	REQUIRE(!encryption_keys_parse("hunter2", 7, &k, &err));
	CHECK(!strstr(err.text, "hunter2"));
}

TAP_MAIN(row(files_of_keys), row(what_is_none), row(a_key_is_never_in_a_message))
