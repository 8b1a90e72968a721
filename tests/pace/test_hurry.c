/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A deadline is hurried for step by step, and told as soon as nothing helps. */
#include "lib/pace/hurry.h"
#include "tests/harness/tap.h"
#include <math.h>

static const struct eta_range soon = { 40, 50, 60 }, late = { 90, 100, 120 };

TEST(in_time_nothing_is_taken_back)
{
	struct hurry h = { 0 };

	for (int t = 0; t < 100; t++)
		CHECK_INT(hurry_look(&h, &soon, 100, PROFILE_DEFAULT, true, t), HURRY_NONE);
	CHECK_INT(h.at_least, PROFILE_GENTLE);
	CHECK_INT(hurry_look(&h, &late, INFINITY, PROFILE_DEFAULT, true, 200), HURRY_NONE);
}

TEST(one_step_at_a_time_and_then_it_is_told)
{
	struct hurry h = { 0 };
	int faster = 0, told = 0, told_at = 0;

	for (int t = 0; t < 60; t++) {
		enum hurry_news news = hurry_look(&h, &late, 100, PROFILE_DEFAULT, true, t);
		faster += news == HURRY_FASTER;
		told += news == HURRY_LATE;
		told_at = news == HURRY_LATE ? t : told_at;
		if (t == 6)
			CHECK_INT(h.at_least, PROFILE_FAST);
	}
	CHECK_INT(h.at_least, PROFILE_FINALIZE);
	CHECK(faster == 2 && told == 1 && told_at <= 16);
}

TEST(what_nobody_slows_is_told_at_once)
{
	struct hurry h = { 0 };
	enum hurry_news news = HURRY_NONE;

	for (int t = 0; t <= 5; t++)
		news = hurry_look(&h, &late, 100, PROFILE_DEFAULT, false, t);
	CHECK_INT(news, HURRY_LATE);
	CHECK_INT(h.at_least, PROFILE_GENTLE);
}

TEST(time_to_spare_gives_it_back)
{
	struct hurry h = { 0 };

	for (int t = 0; t < 8; t++)
		(void)hurry_look(&h, &late, 100, PROFILE_DEFAULT, true, t);
	CHECK_INT(h.at_least, PROFILE_FAST);
	for (int t = 8; t < 30; t++)
		CHECK_INT(hurry_look(&h, &soon, 100, PROFILE_DEFAULT, true, t), HURRY_NONE);
	for (int t = 30; t < 80; t++)
		(void)hurry_look(&h, &soon, 100, PROFILE_DEFAULT, true, t);
	CHECK(h.at_least <= PROFILE_DEFAULT);
}

/* Any profile and any numbers, also none. */
TEST(no_input_leads_beyond_the_profiles)
{
	static const double odd[] = { NAN, -1, 0, 1e-9, 5, 1e300, INFINITY };

	for (int i = 0; i < 7 * 7 * 7 * 4; i++) {
		struct hurry h = { 0 };
		struct eta_range end = { 0, odd[i % 7], odd[i / 7 % 7] };
		for (int t = 0; t < 50; t++)
			(void)hurry_look(&h, &end, odd[i / 49 % 7], (enum profile)(i / 343), t % 3,
					 t % 11 ? t * 3 : odd[t % 7]);
		CHECK(h.at_least <= PROFILE_FINALIZE);
	}
}

TAP_MAIN(row(in_time_nothing_is_taken_back), row(one_step_at_a_time_and_then_it_is_told),
	 row(what_nobody_slows_is_told_at_once), row(time_to_spare_gives_it_back),
	 row(no_input_leads_beyond_the_profiles))
