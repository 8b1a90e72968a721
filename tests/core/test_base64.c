/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 against the vectors of RFC 4648, in both alphabets, and what it makes of other characters.
 */
#include "lib/core/base64.h"

#include "tests/harness/tap.h"

static struct strbuf out;

static bool decodes(const char *text, const char *last, bool strict)
{
	strbuf_clear(&out);
	strbuf_adds(&out, "");
	return base64_decode(text, strlen(text), last, strict, &out);
}

TEST(vectors)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYg==", "foob" },
		{ "Zm9vYmE=", "fooba" },
		{ "Zm9vYmFy", "foobar" },
		{ "Zm9vYg", "foob" },
	};

	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		CHECK(decodes(vectors[i][0], BASE64_PLAIN, true));
		CHECK_STR(out.data, vectors[i][1]);
	}
}

TEST(alphabets)
{
	CHECK(decodes("++//", BASE64_PLAIN, true) && memcmp(out.data, "\xfb\xef\xff", 3) == 0);
	CHECK(decodes("--__", BASE64_URL, true) && memcmp(out.data, "\xfb\xef\xff", 3) == 0);
	CHECK(decodes("-+_/", BASE64_URL BASE64_PLAIN, true) &&
	      memcmp(out.data, "\xfb\xef\xff", 3) == 0);
	CHECK(!decodes("++//", BASE64_URL, true));
	CHECK(!decodes("--__", BASE64_PLAIN, true));
}

TEST(other_characters)
{
	CHECK(!decodes("Zm\n9v", BASE64_PLAIN, true));
	CHECK(decodes("Z m\n9-v", BASE64_PLAIN, false));
	CHECK_STR(out.data, "foo");
	CHECK(decodes("Zg==Zm9v", BASE64_PLAIN, false));
	CHECK_STR(out.data, "f");
	CHECK(!decodes("Zm9vY", BASE64_PLAIN, false)); /* six bits are no byte */
	CHECK(!base64_decode("Z\0g=", 4, BASE64_PLAIN, true, &out));
	strbuf_release(&out);
}

TAP_MAIN(row(vectors), row(alphabets), row(other_characters))
