/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many rows a batch gets. */
#include "lib/pace/controller.h"
#include "tests/harness/tap.h"
#include <math.h>

TEST(batches_keep_to_their_time)
{
	struct batch_size b = { 0 };
	double per_row = 0.00005; /* 300 rows take 15 ms */
	int rows = 500;

	for (int i = 0; i < 100; i++) {
		batch_size_update(&b, (size_t)rows, 0.001 + rows * per_row, 0.015, 500);
		CHECK(b.rows >= 1 && b.rows <= 500);
		rows = (int)b.rows;
	}
	CHECK(rows > 250 && rows < 310);
	/* A slow row: down, but not below one. */
	for (int i = 0; i < 40; i++) {
		batch_size_update(&b, (size_t)rows, rows * 0.5, 0.015, 500);
		rows = (int)b.rows;
	}
	CHECK_INT(rows, 1);
	for (int i = 0; i < 40; i++) {
		batch_size_update(&b, (size_t)rows, rows * per_row, 0.015, 500);
		rows = (int)b.rows;
	}
	CHECK(rows > 250);
	batch_size_halve(&b);
	CHECK(b.rows >= 125 && b.rows <= 160);
	double before = b.rows;
	batch_size_update(&b, 0, 1, 0.015, 500);
	batch_size_update(&b, 10, NAN, 0.015, 500);
	batch_size_update(&b, 10, -1, 0.015, 500);
	CHECK(b.rows == before);
}

TAP_MAIN(row(batches_keep_to_their_time))
