/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forecast under any counts, times and clocks: its bounds are numbers in their order, never
 * below 0, what is shown keeps to that, and a share of the way is a share.
 */
#include "lib/pace/eta.h"
#include "tests/fuzz/feed.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct eta_range r)
{
	if (!(r.p10 >= 0 && r.p10 <= r.p50 && r.p50 <= r.p90 && isfinite(r.p90)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { data, size };
	struct eta e;

	eta_start(&e, feed_number(&f));
	eta_add(&e, feed_number(&f),
		(struct eta_guess){ feed_number(&f), feed_number(&f), feed_byte(&f) & 1,
				    feed_number(&f) },
		(struct eta_firsts){ feed_number(&f), feed_number(&f) });
	while (f.left > 0) {
		int part = feed_byte(&f) % e.parts;
		uint8_t how = feed_byte(&f);
		if (how % 16 == 0)
			eta_add(&e, feed_number(&f),
				(struct eta_guess){ feed_number(&f), feed_number(&f),
						    feed_byte(&f) & 1, feed_number(&f) },
				(struct eta_firsts){ feed_number(&f), feed_number(&f) });
		if (how % 16 == 1)
			eta_add_aside(&e, feed_number(&f), feed_number(&f));
		if (how % 2)
			eta_count(&e, part, feed_number(&f), feed_number(&f));
		if (how % 16 == 3)
			eta_count_firsts(&e, part, feed_number(&f));
		e.moods = how & 4;
		eta_pass(&e, &(struct eta_step){ .part = part,
						 .seconds = feed_number(&f),
						 .units = feed_number(&f),
						 .own = feed_number(&f),
						 .firsts = feed_number(&f),
						 .busy = feed_number(&f),
						 .work = feed_number(&f),
						 .waited = feed_number(&f),
						 .batches = feed_byte(&f) });
		struct eta_range r = eta_left(&e, e.parts);
		double share = eta_share(&e, e.parts);
		check(r);
		check(eta_show(&e, r, feed_number(&f), how & 8));
		if (!(share >= 0 && share <= 1) || !(eta_cost(&e, part) >= 0))
			abort();
	}
	return 0;
}
