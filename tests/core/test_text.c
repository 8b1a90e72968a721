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

static void agrees(const char *from, const char *to)
{
	char out[128];

	text_agree(out, from);
	CHECK_STR(out, to);
}

TEST(words_agree_with_their_number)
{
	agrees("1 row(s) (is|are) left", "1 row is left");
	agrees("2 row(s) (is|are) left, 1 match(es), 0 repositor(y|ies)",
	       "2 rows are left, 1 match, 0 repositories");
	agrees("1 of 5,001 row(s) (has|have) no data", "1 of 5,001 rows has no data");
	agrees("5 of 1 row(s) keep(s|) (its|their) link", "5 of 1 row keep their link");
	agrees("11 row(s)", "11 rows");
	agrees("1,000 row(s)", "1,000 rows");
	/* What is no count, and what is not ours. */
	agrees("release 2.1: row(s)", "release 2.1: row(s)");
	agrees("row(s) (is|are)", "row(s) (is|are)");
	agrees("1 row(s) of ^(a|b)$", "1 row of ^(a|b)$");
	agrees("", "");
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

TAP_MAIN(row(control_characters), row(unicode), row(words_agree_with_their_number),
	 row(lines_stay_when_they_are_ours), row(wrapping))
