/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words with commas between them, as people write them. */
#include "lib/core/list.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "tests/harness/tap.h"

/* The words in brackets; borrowed until the next call. */
static const char *words(const char *list)
{
	static char text[128];
	AUTO_STRBUF struct strbuf all = { 0 };

	strbuf_adds(&all, "");
	for (;;) {
		AUTO_FREE char *word = list_take(&list);

		if (!word)
			break;
		strbuf_addf(&all, "[%s]", word);
	}
	(void)snprintf(text, sizeof(text), "%s", all.data);
	return text;
}

TEST(words_between_commas)
{
	CHECK_STR(words(NULL), "");
	CHECK_STR(words(""), "");
	CHECK_STR(words(" , ,"), "");
	CHECK_STR(words("a"), "[a]");
	CHECK_STR(words("a,b"), "[a][b]");
	CHECK_STR(words(" a , b c\t,, d,"), "[a][b c][d]");
}

TEST(a_word_of_a_list)
{
	CHECK(list_has("a,bc", "bc") && list_has("bc, a", "a") && list_has(" bc ", "bc"));
	CHECK(!list_has("abc", "bc") && !list_has("bcd", "bc") && !list_has("a,b", "ab"));
	CHECK(!list_has(NULL, "a") && !list_has("", "") && !list_has("a,,b", ""));
}

TAP_MAIN(row(words_between_commas), row(a_word_of_a_list))
