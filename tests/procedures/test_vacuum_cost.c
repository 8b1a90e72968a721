/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a host's slowness says of the vacuum after a run. */
#include "procedures/vacuum_cost.h"
#include "tests/harness/tap.h"
#include <math.h>

TEST(it_shares_some_of_how_slow_or_quick_rows_are)
{
	static const struct {
		double slower, least,
			most; /* rows, and then the vacuum: times what they usually take */
	} table[] = { { 0, 1, 1 },	  { 1, 1, 1 },	     { 0.6, 0.65, 0.8 }, { 0.9, 0.9, 0.97 },
		      { 0.01, 0.5, 0.7 }, { 2.5, 1.2, 2.2 }, { 7, 3, 6.5 } };
	const struct vacuum_cost guessed = { .seconds = 100, .rests = 1000 },
				 seen = { .seconds = 100, .seen = true };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		double here = vacuum_cost_here(&guessed, table[i].slower);
		CHECK(here >= 100 * table[i].least && here <= 100 * table[i].most);
		CHECK(vacuum_cost_here(&seen, table[i].slower) == 100);
	}
}

TAP_MAIN(row(it_shares_some_of_how_slow_or_quick_rows_are))
