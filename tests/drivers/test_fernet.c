/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fernet against the example of its specification, and what is not one. */
#include "lib/drivers/fernet.h"
#include "tests/harness/tap.h"

static const char key_text[] = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
static const char token[] = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhu"
			    "VUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

TEST(known_answer)
{
	struct fernet_key key;
	AUTO_STRBUF struct strbuf plain = { 0 };

	REQUIRE(fernet_key_parse(key_text, strlen(key_text), &key));
	CHECK_INT(fernet_open(&key, token, strlen(token), &plain), FERNET_OPENED);
	CHECK_STR(plain.data, "hello");
}

/* The same key in the other alphabet, as `openssl rand -base64 32` writes it. */
TEST(either_alphabet)
{
	struct fernet_key a, b;

	REQUIRE(fernet_key_parse(key_text, strlen(key_text), &a));
	REQUIRE(fernet_key_parse("cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=", 44, &b));
	CHECK(memcmp(&a, &b, sizeof a) == 0);
}

TEST(no_keys)
{
	struct fernet_key key;

	CHECK(!fernet_key_parse("", 0, &key));
	CHECK(!fernet_key_parse(key_text, 43, &key));
	CHECK(!fernet_key_parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4===", 44, &key));
	CHECK(!fernet_key_parse("cw_0x689RpI jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=", 44, &key));
	CHECK(!fernet_key_parse("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4A", 44, &key));
}

TEST(another_key)
{
	struct fernet_key right, key;
	struct strbuf plain = { 0 };

	REQUIRE(fernet_key_parse(key_text, strlen(key_text), &right));
	key = right;
	key.sign[0] ^= 1;
	CHECK_INT(fernet_open(&key, token, strlen(token), &plain), FERNET_OTHER_KEY);
	key = right;
	key.encrypt[15] ^= 1; /* the signature holds, the text does not */
	CHECK_INT(fernet_open(&key, token, strlen(token), &plain), FERNET_OTHER_KEY);
	CHECK_INT(plain.len, 0);
}

/* But for the last: four of its bits are none of the token. */
TEST(a_flipped_letter)
{
	struct fernet_key key;
	AUTO_STRBUF struct strbuf plain = { 0 };
	char bad[sizeof token];

	REQUIRE(fernet_key_parse(key_text, strlen(key_text), &key));
	for (size_t i = 0; i < sizeof token - 4; i++) {
		memcpy(bad, token, sizeof token);
		bad[i] = bad[i] == 'B' ? 'C' : 'B';
		CHECK(fernet_open(&key, bad, strlen(bad), &plain) != FERNET_OPENED);
	}
}

TEST(no_tokens)
{
	struct fernet_key key;
	struct strbuf plain = { 0 };
	static const char *const texts[] = { "", "secret", "gAAAAA==", "hunter2hunter2hunter2",
					     "====" };

	REQUIRE(fernet_key_parse(key_text, strlen(key_text), &key));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		CHECK_INT(fernet_open(&key, texts[i], strlen(texts[i]), &plain), FERNET_NO_TOKEN);
	/* One letter and one block short. */
	CHECK_INT(fernet_open(&key, token, strlen(token) - 1, &plain), FERNET_NO_TOKEN);
	CHECK_INT(fernet_open(&key, token, 76, &plain), FERNET_NO_TOKEN);
}

TAP_MAIN(row(known_answer), row(either_alphabet), row(no_keys), row(another_key),
	 row(a_flipped_letter), row(no_tokens))
