/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names and ranges of the knobs: what an operator types, and what a ledger may hold. */
#include "lib/batch/knobs.h"
#include "lib/core/config.h"
#include "tests/harness/tap.h"
#include <string.h>

TEST(a_slip_names_the_nearest_knob)
{
	struct err err;
	enum knob k = KNOB_COUNT;

	CHECK(knob_find("duty", &k, &err) && k == KNOB_duty);
	CHECK(!knob_find("dutty", &k, &err));
	CHECK_STR(err.hint, "Did you mean duty?");
	CHECK(!knob_find("x; DROP TABLE knob", &k, &err));
	CHECK(!knob_find("", &k, &err));
}

TEST(a_value_out_of_its_range_names_the_range)
{
	static const char *const bad[] = { "",	  "0",	 "-1", "1.01", "nan", "inf",
					   "1e9", "0x1", " 1", "1 ",   "7" };
	struct err err;
	double v = 0;

	CHECK(knob_parse(KNOB_duty, "0.25", &v, &err) && v == 0.25);
	CHECK(knob_parse(KNOB_duty, "1", &v, &err) && v == 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(!knob_parse(KNOB_duty, bad[i], &v, &err));
		CHECK(strstr(err.text, "from 0.01 to 1") != NULL);
	}
	CHECK(!knob_parse(KNOB_batch_rows, "1.5", &v, &err));
	CHECK(strstr(err.text, "whole number") != NULL);
	CHECK(v == 1); /* as it was */
}

TEST(a_knob_of_words_takes_only_these)
{
	char words[64];
	struct err err;
	double v = 0;

	REQUIRE(knob_parse(KNOB_profile, "fast", &v, &err));
	knob_in_words(KNOB_profile, v, words, sizeof(words));
	CHECK_STR(words, "fast");
	CHECK(!knob_parse(KNOB_profile, "furious", &v, &err) && err.code == ERR_USAGE);
	CHECK_STR(err.text, "profile: 'furious' is none of gentle, default, fast, finalize");
	CHECK(!knob_parse(KNOB_profile, "1", &v, &err) && !knob_parse(KNOB_profile, "", &v, &err));
	knob_range_in_words(KNOB_duty, words, sizeof(words));
	CHECK_STR(words, "0.01 to 1");
}

TEST(every_knob_stands_above_a_key_of_the_configuration)
{
	for (int k = 0; k < KNOB_COUNT; k++) {
		const struct config_key *key = config_find_key(knob_docs[k].key);
		struct err err;
		double v;
		REQUIRE(key != NULL);
		CHECK(knob_parse((enum knob)k, key->fallback, &v, &err));
		if (!knob_docs[k].words)
			CHECK(knob_docs[k].least == key->least && knob_docs[k].most == key->most);
	}
}

TAP_MAIN(row(a_slip_names_the_nearest_knob), row(a_value_out_of_its_range_names_the_range),
	 row(a_knob_of_words_takes_only_these),
	 row(every_knob_stands_above_a_key_of_the_configuration))
