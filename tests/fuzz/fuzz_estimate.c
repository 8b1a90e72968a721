/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The estimate from any counts, costs and history, with blocks or without: its bounds are numbers
 * in their order, never below 0, and a throttle makes nothing faster.
 */
#include "lib/core/mem.h"
#include "lib/pace/estimate.h"
#include "tests/fuzz/feed.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_STRATA = 6, MOST_BLOCKS = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct quantiles q)
{
	if (!(q.p10 >= 0 && q.p10 <= q.p50 && q.p50 <= q.p90 && isfinite(q.p90)))
		abort();
}

/* Sometimes as history gives it, sometimes anything. */
static void fill_regime(struct feed *f, struct estimate_part *p)
{
	double ratios[4];
	size_t n = feed_byte(f) % (ARRAY_LEN(ratios) + 1);

	if (feed_byte(f) % 2) {
		p->mu = feed_number(f);
		p->sigma = feed_number(f);
		return;
	}
	for (size_t i = 0; i < n; i++)
		ratios[i] = feed_number(f);
	estimate_regime(ratios, n, &p->mu, &p->sigma);
	if (!isfinite(p->mu) || !(p->sigma > 0 && isfinite(p->sigma)))
		abort();
}

static void check_all(const struct estimate_result *r, size_t parts)
{
	check(r->full);
	check(r->throttled);
	if (r->throttled.p10 < r->full.p10 || r->throttled.p50 < r->full.p50 ||
	    r->throttled.p90 < r->full.p90)
		abort();
	for (size_t i = 0; i < parts; i++) {
		check(r->part[i]);
		if (!(r->raw[i] >= 0 && isfinite(r->raw[i])))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { data, size };
	struct estimate_stratum strata[MOST_STRATA];
	struct estimate_block blocks[MOST_BLOCKS];
	struct estimate_part parts[ESTIMATE_PARTS];
	struct estimate_result r;
	struct estimate_input in = { .strata = strata, .blocks = blocks, .parts = parts };

	in.n_parts = 1 + feed_byte(&f) % ESTIMATE_PARTS;
	in.n_strata = feed_byte(&f) % (MOST_STRATA + 1);
	in.n_blocks = feed_byte(&f) % (MOST_BLOCKS + 1);
	for (size_t i = 0; i < in.n_parts; i++) {
		parts[i] = (struct estimate_part){ .fixed = feed_number(&f),
						   .workers = feed_number(&f) };
		fill_regime(&f, &parts[i]);
	}
	for (size_t i = 0; i < in.n_strata; i++)
		strata[i] = (struct estimate_stratum){ .part = (int)(feed_byte(&f) % in.n_parts),
						       .rows = feed_number(&f),
						       .firsts = feed_number(&f),
						       .prior = feed_number(&f),
						       .prior_spread = feed_number(&f) };
	for (size_t i = 0; i < in.n_blocks; i++)
		blocks[i] = (struct estimate_block){ .stratum = feed_byte(&f) - 1,
						     .rows = feed_number(&f),
						     .seconds = feed_number(&f),
						     .first = feed_number(&f) };
	in.duty = (struct quantiles){ feed_number(&f), feed_number(&f), feed_number(&f) };
	in.waits = feed_number(&f);
	estimate_make(&in, 1, &r);
	check_all(&r, in.n_parts);
	return 0;
}
