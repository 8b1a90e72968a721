/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rest after a batch makes work take exactly its share of the time. */
#include "lib/pace/pace.h"
#include "tests/harness/tap.h"
#include <math.h>

TEST(full_speed_does_not_rest)
{
	CHECK(pace_rest(&(struct pace){ .duty = 1.0 }, 0.015) == 0);
	CHECK(pace_rest(&(struct pace){ .duty = 1.5 }, 0.015) == 0);
}

TEST(nothing_done_needs_no_rest)
{
	CHECK(pace_rest(&(struct pace){ .duty = 0.1 }, 0) == 0);
	CHECK(pace_rest(&(struct pace){ .duty = 0.1 }, -1) == 0);
}

TEST(work_takes_its_share)
{
	static const double duties[] = { 0.01, 0.1, 0.25, 0.5, 0.9, 0.99 };

	for (size_t i = 0; i < sizeof(duties) / sizeof(duties[0]); i++) {
		double rest = pace_rest(&(struct pace){ .duty = duties[i] }, 0.02);
		CHECK(rest > 0 && fabs(0.02 / (0.02 + rest) - duties[i]) < 1e-12);
	}
}

TEST(batch_that_was_held_up_is_not_paid_for_in_full)
{
	const struct pace p = { .duty = 0.2 };

	CHECK(pace_rest(&p, 3600) <= 20 && pace_rest(&p, 3600) >= pace_rest(&p, 1));
}

TAP_MAIN(row(full_speed_does_not_rest), row(nothing_done_needs_no_rest), row(work_takes_its_share),
	 row(batch_that_was_held_up_is_not_paid_for_in_full))
