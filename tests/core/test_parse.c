/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values as people write them, and what is no value. */
#include "lib/core/options.h"

#include "tests/harness/tap.h"

#include <limits.h>
#include <math.h>

static double seconds(const char *s)
{
	struct err err;
	double v;

	return parse_seconds(s, &v, &err) ? v : NAN;
}

static long size(const char *s)
{
	struct err err;
	long v;

	return parse_size(s, &v, &err) ? v : -1;
}

TEST(durations)
{
	CHECK(seconds("90") == 90);
	CHECK(seconds("15m") == 900);
	CHECK(seconds("2h") == 7200);
	CHECK(seconds("1d") == 86400);
	CHECK(seconds("1h30m") == 5400);
	CHECK(fabs(seconds("250ms") - 0.25) < 1e-9);
	CHECK(seconds("0.5s") == 0.5);
	CHECK(isnan(seconds("")) && isnan(seconds("m")) && isnan(seconds("1x")) &&
	      isnan(seconds("-5")) && isnan(seconds("1h30")) && isnan(seconds("nan")) &&
	      isnan(seconds("1e3")) && isnan(seconds("1 h")));
}

TEST(sizes)
{
	CHECK_INT(size("500"), 500);
	CHECK_INT(size("48MB"), 48000000);
	CHECK_INT(size("1GiB"), 1073741824);
	CHECK_INT(size("2K"), 2048);
	CHECK_INT(size("1.5kB"), 1500);
	CHECK_INT(size("9999999999TB"), -1);
	CHECK_INT(size("MB"), -1);
	CHECK_INT(size("1MBs"), -1);
	CHECK_INT(size("-1"), -1);
}

TEST(whole_numbers)
{
	struct err err;
	long v = 7;

	CHECK(parse_long("-3", -5, 5, &v, &err) && v == -3);
	CHECK(!parse_long("6", -5, 5, &v, &err) && v == -3);
	CHECK(!parse_long("3x", 0, 0, &v, &err));
	CHECK(!parse_long("", 0, 0, &v, &err));
	CHECK(!parse_long(" 3", 0, 5, &v, &err));
	CHECK(!parse_long("99999999999999999999", LONG_MIN, LONG_MAX, &v, &err));
}

TEST(nearest)
{
	static const char *const names[] = { "estimate", "run", "status", "pause", "resume", NULL };

	CHECK_STR(nearest_name("stauts", names), "status");
	CHECK_STR(nearest_name("rnu", names), "run");
	CHECK_STR(nearest_name("est", names), "estimate");
	CHECK_STR(nearest_name("PAUSE", names), "pause");
	CHECK_STR(nearest_name("elephant", names), NULL);
	CHECK_STR(nearest_name("", names), NULL);
}

TAP_MAIN(row(durations), row(sizes), row(whole_numbers), row(nearest))
