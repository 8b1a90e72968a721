/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing from a database may move a cursor or turn the direction of writing. */
#include "lib/core/text.h"

#include "tests/harness/tap.h"

static void escapes_to(const char *from, const char *to)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	text_escape(&b, from);
	CHECK_STR(b.data, to);
}

TEST(control_characters)
{
	escapes_to("plain", "plain");
	escapes_to("a\033[2Jb\r\n\x7f", "a\\x1b[2Jb\\x0d\\x0a\\x7f");
	escapes_to("\xc2\x9b"
		   "31m",
		   "\\x9b31m"); /* C1 CSI */
}

TEST(unicode)
{
	escapes_to("größe", "größe");
	escapes_to("a\xe2\x80\xae"
		   "b",
		   "a\\u202eb"); /* right-to-left override */
	escapes_to("\xff\xc0\x80\xed\xa0\x80", "\\xff\\xc0\\x80\\xed\\xa0\\x80");
	escapes_to("\xe2\x80", "\\xe2\\x80"); /* cut short */
}

TEST(lines_stay_when_they_are_ours)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	text_escape_lines(&b, "a\n\tb\033");
	CHECK_STR(b.data, "a\n\tb\\x1b");
}

TEST(wrapping)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	text_wrap(&b, "one two three\n\nfour", 8, "  ");
	CHECK_STR(b.data, "one two\n  three\n  \n  four");
}

TAP_MAIN(row(control_characters), row(unicode), row(lines_stay_when_they_are_ours), row(wrapping))
