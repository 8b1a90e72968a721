/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a sample says of a run. */
#include "procedures/manifest_estimate.h"
#include "tests/harness/tap.h"
#include <math.h>

enum { BLOCKS = 6, ROWS = 50 };

/* Busy seconds that a run is thought to take for an image, of a host that has never run. */
static double image_of(double fetch)
{
	const struct history never = {
		.sigma = 0.25, .row = NAN, .busy = NAN, .duty = { NAN, NAN, NAN }
	};
	const struct estimate_facts f = { .count = 0.1,
					  .page_rows = 7,
					  .batch_rows = 500,
					  .detach_rows = 500,
					  .images = never,
					  .lists = never,
					  .detach = never };
	const struct estimate_group g = { .kind = PENDING_IMAGES, .rows = 1e5, .bytes = 4.5e8 };
	struct sample_block block[BLOCKS];
	struct manifest_estimate e = { .fill = 100000,
				       .writers = 2,
				       .duty = { 1, 1, 1 },
				       .sample = { .block = block,
						   .n = BLOCKS,
						   .rows = BLOCKS * ROWS,
						   .one_read = 200e-6,
						   .one_fill = 250e-6,
						   .one_detach = 300e-6,
						   .commit = 50e-6,
						   .commit_flushed = 150e-6,
						   .wrote = true } };

	for (size_t i = 0; i < BLOCKS; i++)
		block[i] = (struct sample_block){ .rows = ROWS,
						  .bytes = ROWS * 4500,
						  .fetch = ROWS * fetch,
						  .load = ROWS * 12e-6,
						  .fill = ROWS * 50e-6,
						  .fill_first = ROWS * 90e-6,
						  .detach = ROWS * 125e-6,
						  .detach_first = ROWS * 300e-6 };
	estimate_model(&g, 1, &f, &e);
	return e.busy[PART_IMAGES] / g.rows;
}

/* Of 40 us a row from memory the runs recorded took 17; a dearer fetch is dearer by its share. */
TEST(a_fetch_in_order_takes_less_than_half)
{
	double once = image_of(40e-6), dearer = image_of(80e-6) - once;

	CHECK(once > 55e-6 && once < 80e-6);
	CHECK(dearer > 12e-6 && dearer < 20e-6);
}

TAP_MAIN(row(a_fetch_in_order_takes_less_than_half))
