/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When processors are to be left to others for themselves. */
#include "lib/core/mem.h"
#include "lib/pace/crowd.h"
#include "tests/harness/tap.h"
#include <math.h>

static const double second = 100, processors = 2, between = 0.25;

struct host {
	struct crowd crowd;
	double busy, all;
};

/* n decisions; of the processors' time such a share is taken, by whomever. */
static void pass(struct host *h, unsigned n, bool away, double taken)
{
	while (n-- > 0) {
		h->all += between * second * processors;
		h->busy += taken * between * second * processors;
		crowd_take(&h->crowd, away, h->busy, h->all);
	}
}

static struct host begun(void)
{
	struct host h = { .busy = 12345, .all = 54321 };

	crowd_start(&h.crowd);
	crowd_take(&h.crowd, false, h.busy, h.all);
	return h;
}

TEST(it_is_crowded_until_others_were_seen_alone)
{
	struct host h = begun();

	CHECK(h.crowd.is);
	pass(&h, 100, false, 0.1);
	CHECK(h.crowd.is);
	pass(&h, 12, true, 0.4);
	CHECK(!h.crowd.is);
}

TEST(what_we_take_ourselves_is_not_theirs)
{
	struct host h = begun();

	pass(&h, 12, true, 0.4);
	for (int look = 0; look < 50; look++) {
		pass(&h, 40, false, 1);
		pass(&h, 1, true, 1); /* a batch ends */
		pass(&h, 2, true, 0.4);
	}
	CHECK(!h.crowd.is);
	CHECK(fabs(h.crowd.share - 0.4) < 0.03);
}

TEST(it_changes_late_and_not_back_at_once)
{
	struct host h = begun();

	pass(&h, 20, true, 0.3);
	pass(&h, 2, true, 1); /* a moment of theirs */
	CHECK(!h.crowd.is);
	pass(&h, 20, true, 0.8);
	CHECK(h.crowd.is);
	pass(&h, 40, true, 0.62);
	CHECK(h.crowd.is);
	pass(&h, 20, true, 0.5);
	CHECK(!h.crowd.is);
	pass(&h, 40, true, 0.62);
	CHECK(!h.crowd.is);
}

TEST(who_cannot_see_takes_it_to_be_crowded)
{
	struct host h = begun();

	for (int i = 0; i < 50; i++)
		crowd_take(&h.crowd, true, -1, -1);
	CHECK(h.crowd.is);
	CHECK(h.crowd.share <= 1);
	crowd_take(&h.crowd, true, NAN, NAN);
	crowd_take(&h.crowd, true, 1, 2);
	crowd_take(&h.crowd, true, 0, 1); /* counted from the beginning again */
	CHECK(h.crowd.is && h.crowd.share >= 0 && h.crowd.share <= 1);
}

TEST(the_more_others_take_the_longer_ours_rest)
{
	static const double taken[] = { 0, 0.1, 0.2, 0.35 };

	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		struct host h = begun();

		pass(&h, 100, true, taken[i]);
		double rests = crowd_rests(&h.crowd);
		CHECK(fabs(rests * (1 - taken[i]) - 0.2) < 0.001);
	}
}

TEST(ours_work_however_many_others_are)
{
	struct host h = begun();

	CHECK(crowd_rests(&h.crowd) == 0.33); /* nothing is known yet */
	pass(&h, 100, true, 1);
	CHECK(crowd_rests(&h.crowd) == 0.33);
}

TAP_MAIN(row(it_is_crowded_until_others_were_seen_alone), row(what_we_take_ourselves_is_not_theirs),
	 row(it_changes_late_and_not_back_at_once), row(who_cannot_see_takes_it_to_be_crowded),
	 row(the_more_others_take_the_longer_ours_rest), row(ours_work_however_many_others_are))
