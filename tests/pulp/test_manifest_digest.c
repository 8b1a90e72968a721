/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which bytes belong to a digest, signed schema 1 included, and which PostgreSQL can hold. */
#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include "lib/pulp/manifest.h"
#include "tests/harness/tap.h"

#define V1 "application/vnd.docker.distribution.manifest.v1+json"
#define V1S "application/vnd.docker.distribution.manifest.v1+prettyjws"
#define V2 "application/vnd.docker.distribution.manifest.v2+json"

/* What docker signs, and how it closes; the signatures go in between. */
static const char head[] = "{\n   \"schemaVersion\": 1,\n   \"fsLayers\": []";
static const char tail[] = "\n}";

static char *base64url(const char *s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strlen(s), bits = len * 8, n = (bits + 5) / 6;
	char *out = xcalloc(n + 1, 1);
	for (size_t i = 0; i < n; i++) {
		unsigned v = 0;
		for (size_t bit = i * 6; bit < i * 6 + 6; bit++)
			v = v << 1 |
			    (bit < bits ? (unsigned char)s[bit / 8] >> (7 - bit % 8) & 1 : 0);
		out[i] = digits[v];
	}
	return out;
}

static char *signature(const char *length, const char *closing)
{
	AUTO_FREE char *closing64 = base64url(closing);
	AUTO_FREE char *header =
		xasprintf("{\"formatLength\":%s,\"formatTail\":\"%s\"}", length, closing64);
	AUTO_FREE char *header64 = base64url(header);
	return xasprintf("{\"header\":{},\"signature\":\"x\",\"protected\":\"%s\"}", header64);
}

static bool matches(const char *media, const char *signatures)
{
	AUTO_FREE char *payload = xasprintf("%s%s", head, tail);
	AUTO_FREE char *text = xasprintf("%s,\n   \"signatures\": %s%s", head, signatures, tail);
	char digest[72] = "sha256:";
	sha256_hex(payload, strlen(payload), digest + 7);
	return manifest_digest_matches(media, digest, text, strlen(text));
}

TEST(plain_bytes)
{
	/* FIPS 180-4's own example. */
	static const char abc[] =
		"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	CHECK(manifest_digest_matches(V2, abc, "abc", 3));
	CHECK(manifest_digest_matches(V1, abc, "abc", 3));
	CHECK(!manifest_digest_matches(V2, abc, "abd", 3));
	CHECK(!manifest_digest_matches(V2, abc, "abc", 2));
	CHECK(!manifest_digest_matches(V2, abc + 7, "abc", 3));
	CHECK(!manifest_digest_matches(V2, "", "abc", 3));
	CHECK(!manifest_digest_matches(V2, "sha256:", "abc", 3));
	CHECK(!manifest_digest_matches(V2, "sha512:ba7816bf", "abc", 3));
	CHECK(!manifest_digest_matches(
		V2, "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
		"abc", 3));
}

TEST(signed_schema_1)
{
	AUTO_FREE char *length = xasprintf("%zu", strlen(head));
	AUTO_FREE char *good = signature(length, tail);
	AUTO_FREE char *one = xasprintf("[%s]", good);
	AUTO_FREE char *two = xasprintf("[%s,%s]", good, good);
	CHECK(matches(V1S, one));
	CHECK(matches(V1, one)); /* migration 0034 made V1 of V1S */
	CHECK(matches(V1, two));
	CHECK(!matches(V2, one));
	CHECK(!matches(V1, "[]"));
	CHECK(!matches(V1, "{}"));
	CHECK(!matches(V1, "[{}]"));
	CHECK(!matches(V1, "[5]"));
	CHECK(!matches(V1, "[{\"protected\":\"e30\"}]"));
	CHECK(!matches(V1, "[{\"protected\":\"!\"}]"));
	CHECK(!matches(V1, "[{\"protected\":\"\"}]"));
	CHECK(!matches(V1, "[{\"protected\":5}]"));
}

/* Tails whose base64url has every digit, and each number of bytes at its end. */
TEST(tails_of_all_kinds)
{
	static const char *const tails[] = {
		"",
		"}",
		"\n}",
		"\n\n}",
		"?>~\xff\xfe\xfb\xef",
		"\x01\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61\x96\x9b\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3\x5d\xb7\xe3\x9e\xbb\xf3\xdf\xbf"
	};
	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		AUTO_FREE char *sig = signature("6", tails[i]);
		AUTO_FREE char *payload = xasprintf("{\"a\":1%s", tails[i]);
		AUTO_FREE char *whole = xasprintf("{\"a\":1,\"signatures\":[%s]}", sig);
		char digest[72] = "sha256:";
		sha256_hex(payload, strlen(payload), digest + 7);
		CHECK(manifest_digest_matches(V1, digest, whole, strlen(whole)));
	}
}

TEST(signatures_must_agree)
{
	AUTO_FREE char *length = xasprintf("%zu", strlen(head));
	AUTO_FREE char *good = signature(length, tail);
	AUTO_FREE char *shorter = signature("5", tail);
	AUTO_FREE char *other = signature(length, "}");
	AUTO_FREE char *longest = signature("1000000", tail);
	AUTO_FREE char *negative = signature("-1", tail);
	AUTO_FREE char *real = xasprintf("%s.0", length);
	AUTO_FREE char *fraction = signature(real, tail);
	const char *bad[] = { shorter, other, longest, negative, fraction, "{}" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO_FREE char *alone = xasprintf("[%s]", bad[i]);
		AUTO_FREE char *first = xasprintf("[%s,%s]", bad[i], good);
		AUTO_FREE char *last = xasprintf("[%s,%s]", good, bad[i]);
		CHECK(!matches(V1, alone));
		CHECK(!matches(V1, first));
		CHECK(!matches(V1, last));
	}
}

TEST(storable)
{
	static const struct {
		const char *text;
		size_t len;
		enum reason reason;
	} samples[] = {
		{ "", 0, REASON_NONE },
		{ "{\"a\":\"a longer text of ASCII\"}", 29, REASON_NONE },
		{ "long enough and then \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 30, REASON_NONE },
		{ "\xef\xbb\xbf{}", 5, REASON_NONE },
		{ "a\0b", 3, REASON_NUL_BYTE },
		{ "\xff\0", 2, REASON_NUL_BYTE },
		{ "caf\xe9", 4, REASON_NOT_UTF8 },
		{ "12345678\xe9", 9, REASON_NOT_UTF8 },
		{ "\xed\xa0\x80", 3, REASON_NOT_UTF8 },
		{ "\xf0\x9f\x98", 3, REASON_NOT_UTF8 },
		{ "\xc0\x80", 2, REASON_NOT_UTF8 },
	};
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		CHECK_INT(manifest_storable(samples[i].text, samples[i].len), samples[i].reason);
	CHECK_INT(manifest_storable(NULL, 0), REASON_NONE);
}

TAP_MAIN(row(plain_bytes), row(signed_schema_1), row(tails_of_all_kinds),
	 row(signatures_must_agree), row(storable))
