/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A deadline under any forecast and clock: one step at a time and within the profiles, faster only
 * where the end is late and others are spared, and that nothing helps is told once.
 */
#include "lib/pace/hurry.h"
#include "tests/fuzz/feed.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_step(enum profile was, enum profile is, enum hurry_news news)
{
	if (is > PROFILE_FINALIZE || (news == HURRY_FASTER) != (is > was) ||
	    (news == HURRY_SLOWER && is + 1 != was))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { data, size };
	struct hurry h = { 0 };
	double now = 0;
	int told = 0;

	while (f.left > 0) {
		uint8_t how = feed_byte(&f);
		struct eta_range end = { 0, feed_number(&f), feed_number(&f) };
		double left = feed_number(&f);
		enum profile wanted = (enum profile)(how % (PROFILE_FINALIZE + 1));
		bool slowed = how & 64;
		enum profile was = h.begun ? h.at_least : PROFILE_GENTLE;

		now = how & 128 ? feed_number(&f) : now + feed_byte(&f);
		enum hurry_news news = hurry_look(&h, &end, left, wanted, slowed, now);
		check_step(was, h.at_least, news);
		told += news == HURRY_LATE;
		if (news == HURRY_FASTER && !(slowed && end.p90 > left))
			abort();
	}
	if (told > 1)
		abort();
	return 0;
}
