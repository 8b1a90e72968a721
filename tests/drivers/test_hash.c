/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 against the examples of FIPS 180-4 (NIST CSRC), and from several threads at once. */
#include "lib/drivers/hash.h"
#include "tests/harness/tap.h"
#include <pthread.h>

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(known_answers)
{
	char hex[65];
	sha256_hex("", 0, hex);
	CHECK_STR(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256_hex("abc", 3, hex);
	CHECK_STR(hex, abc);
	sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
	CHECK_STR(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(a_million)
{
	char *data = malloc(1000000);
	REQUIRE(data);
	memset(data, 'a', 1000000);
	char hex[65];
	sha256_hex(data, 1000000, hex);
	CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(data);
}

static void *many(void *arg)
{
	size_t *wrong = arg;
	char hex[65];
	for (int i = 0; i < 2000; i++) {
		sha256_hex("abc", 3, hex);
		*wrong += strcmp(hex, abc) != 0;
	}
	return NULL;
}

TEST(threads)
{
	pthread_t threads[4];
	size_t wrong[4] = { 0 };
	for (int i = 0; i < 4; i++)
		REQUIRE(pthread_create(&threads[i], NULL, many, &wrong[i]) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT(wrong[i], 0);
	}
}

TAP_MAIN(row(known_answers), row(a_million), row(threads))
