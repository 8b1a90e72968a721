/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UUIDs as PostgreSQL prints them. */
#include "lib/core/mem.h"
#include "lib/drivers/pg.h"
#include "tests/harness/tap.h"

TEST(there_and_back)
{
	unsigned char bytes[16];
	char text[37];
	REQUIRE(uuid_parse("0190A0a0-0000-7000-8000-00000000fF01", bytes));
	CHECK_INT(bytes[0], 0x01);
	CHECK_INT(bytes[1], 0x90);
	CHECK_INT(bytes[14], 0xff);
	CHECK_INT(bytes[15], 0x01);
	uuid_format(bytes, text);
	CHECK_STR(text, "0190a0a0-0000-7000-8000-00000000ff01");
}

TEST(refused_and_untouched)
{
	static const char *const bad[] = {
		"",
		"0190a0a0",
		"0190a0a0-0000-7000-8000-00000000ff0",
		"0190a0a0-0000-7000-8000-00000000ff011",
		"0190a0a0-0000-7000-8000-00000000ff0g",
		"0190a0a0 0000-7000-8000-00000000ff01",
		"0190a0a0000070008000000000000ff01",
		"{190a0a0-0000-7000-8000-00000000ff01}",
		"0190a0a0-0000-7000-8000-00000000ff01 ",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		unsigned char bytes[16];
		memset(bytes, 0xee, sizeof bytes);
		if (!CHECK(!uuid_parse(bad[i], bytes)))
			fprintf(stderr, "# %s\n", bad[i]);
		CHECK_INT(bytes[0], 0xee);
	}
}

TAP_MAIN(row(there_and_back), row(refused_and_untouched))
