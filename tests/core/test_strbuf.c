/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte strings keep NULs, end in one, and survive being taken. */
#include "lib/core/strbuf.h"

#include "tests/harness/tap.h"

TEST(adds_and_ends_in_nul)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_adds(&b, "ab");
	strbuf_add(&b, "c\0d", 3);
	CHECK_MEM(b.data, b.len, "abc\0d", 5);
	CHECK_INT(b.data[5], 0);
	strbuf_clear(&b);
	CHECK_STR(b.data, "");
}

TEST(formats_beyond_its_size)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%04d,", i);
	CHECK_INT(b.len, 5000);
	CHECK_MEM(b.data + 4995, 5, "0999,", 5);
}

TEST(take_of_nothing_is_a_string)
{
	struct strbuf b = { 0 };
	char *s = strbuf_take(&b);

	CHECK_STR(s, "");
	CHECK(!b.data);
	free(s);
}

TAP_MAIN(row(adds_and_ends_in_nul), row(formats_beyond_its_size), row(take_of_nothing_is_a_string))
