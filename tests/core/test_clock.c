/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Times in words, at the edges where rounding would print a unit too small. */
#include "lib/core/clock.h"

#include "tests/harness/tap.h"

#include <math.h>

static const char *words(double seconds, char out[32])
{
	clock_in_words(seconds, out, 32);
	return out;
}

TEST(words)
{
	char b[32];

	CHECK_STR(words(0, b), "0 ms");
	CHECK_STR(words(0.85, b), "850 ms");
	CHECK_STR(words(0.9996, b), "1.0 s");
	CHECK_STR(words(9.94, b), "9.9 s");
	CHECK_STR(words(9.96, b), "10 s");
	CHECK_STR(words(42, b), "42 s");
	CHECK_STR(words(119.6, b), "2 min");
	CHECK_STR(words(14 * 60, b), "14 min");
	CHECK_STR(words(7500, b), "2 h 05 min");
	CHECK_STR(words(3 * 86400 + 4 * 3600, b), "3 d 04 h");
	CHECK_STR(words(NAN, b), "unknown");
	CHECK_STR(words(-1, b), "unknown");
}

TEST(rfc3339)
{
	char b[40];

	clock_rfc3339(0.5, b, sizeof(b));
	CHECK_STR(b, "1970-01-01T00:00:00.500Z");
	clock_rfc3339(1767323045.678, b, sizeof(b));
	CHECK_MEM(b, 20, "2026-01-02T03:04:05.", 20);
}

TAP_MAIN(row(words), row(rfc3339))
