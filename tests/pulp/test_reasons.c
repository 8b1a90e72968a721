/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of reasons is public: codes stay unique and spelled alike, texts keep the house's form.
 */
#include "lib/pulp/reasons.h"
#include "tests/harness/tap.h"

TEST(codes_lead_back)
{
	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		const char *code = reason_text((enum reason)r)->code;
		CHECK_INT(reason_by_code(code), r);
		CHECK_INT(strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(code));
	}
	CHECK_INT(reason_by_code("none"), REASON_NONE);
	CHECK_INT(reason_by_code("no-such-code"), REASON_NONE);
}

TEST(texts_have_the_form)
{
	for (unsigned r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		const struct reason_text *t = reason_text((enum reason)r);
		size_t n = strlen(t->sentence), h = strlen(t->hint);
		REQUIRE(n > 0 && h > 0);
		CHECK(t->sentence[n - 1] != '.');
		CHECK(t->sentence[0] >= 'a' && t->sentence[0] <= 'z');
		CHECK(t->hint[h - 1] == '.' && t->hint[0] >= 'A' && t->hint[0] <= 'Z');
		CHECK(t->effect != REASON_EFFECT_NONE);
		/* A partial row is stored: nothing about it can be a reason to stop the run. */
		CHECK(t->effect != REASON_EFFECT_PARTIAL || t->class != REASON_CLASS_FATAL);
	}
}

TEST(unknown_number_is_none)
{
	CHECK_INT(reason_text(REASON_COUNT)->effect, REASON_EFFECT_NONE);
}

TAP_MAIN(row(codes_lead_back), row(texts_have_the_form), row(unknown_number_is_none))
