/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was foretold and what came, through the server of PLMAINT_TEST_CONNINFO.  Run by
 * test_calibration.py, which gives each run a database of its own. */
#include "lib/batch/calibration.h"
#include "lib/core/mem.h"
#include "tests/harness/tap.h"
#include <math.h>

static struct err err;

static bool says(bool ok)
{
	if (!ok)
		fprintf(stderr, "# %s: %s\n", err.native, err.text);
	return ok;
}

static void close_session(struct pg **pg)
{
	pg_close(*pg);
}

static struct pg *open_session(void)
{
	const struct pg_options o = { .conninfo = getenv("PLMAINT_TEST_CONNINFO"),
				      .application_name = "plmaint:test",
				      .statement_timeout_ms = 60000 };
	struct pg *pg = NULL;

	CHECK(says(pg_connect(&o, &pg, &err)));
	return pg;
}
#define SESSION(name)                                                             \
	__attribute__((cleanup(close_session))) struct pg *name = open_session(); \
	REQUIRE(name)

TEST(nothing_is_known_without_a_ledger)
{
	SESSION(db);
	AUTO_CALIBRATIONS struct calibrations c = { 0 };

	REQUIRE(says(ledger_drop(db, &err)));
	CHECK(says(calibration_read(db, NULL, NULL, 10, &c, &err)));
	CHECK(c.n == 0);
}

TEST(what_is_written_is_read_newest_first)
{
	SESSION(db);
	AUTO_CALIBRATIONS struct calibrations all = { 0 }, some = { 0 }, other = { 0 };
	struct ledger l;
	struct calibration c[3] = { calibration_about("fill", "estimate"),
				    calibration_about("fill", "eta"),
				    calibration_about("fill", "run") };

	REQUIRE(says(ledger_drop(db, &err)) && says(ledger_open(db, "postgres", false, &l, &err)));
	c[0].p10 = 10, c[0].p50 = 12.5, c[0].p90 = 20, c[0].rows = 5000;
	c[1].run = 7, c[1].share = 0.25, c[1].phase = "images", c[1].stratum = "image 2";
	c[2].run = 7, c[2].actual = 13, c[2].seconds = 25.5, c[2].duty = 0.5, c[2].bytes = 0;
	REQUIRE(says(calibration_write(&l, db, c, 3, &err)));
	REQUIRE(says(calibration_read(db, "fill", NULL, 10, &all, &err)));
	REQUIRE(all.n == 3);
	CHECK_STR(all.item[0].what, "run");
	CHECK(all.item[0].run == 7 && all.item[0].actual == 13 && all.item[0].seconds == 25.5 &&
	      all.item[0].duty == 0.5);
	CHECK(all.item[0].rows == -1 && all.item[0].bytes == 0 && isnan(all.item[0].p50));
	CHECK_STR(all.item[1].phase, "images");
	CHECK_STR(all.item[1].stratum, "image 2");
	CHECK(all.item[1].share == 0.25);
	CHECK(all.item[2].run == 0 && all.item[2].p10 == 10 && all.item[2].p50 == 12.5 &&
	      all.item[2].p90 == 20 && all.item[2].rows == 5000 && isnan(all.item[2].actual));
	REQUIRE(says(calibration_read(db, NULL, "eta", 10, &some, &err)));
	CHECK(some.n == 1);
	REQUIRE(says(calibration_read(db, "detach", NULL, 10, &other, &err)));
	CHECK(other.n == 0);
}

TEST(what_cannot_be_is_unknown_and_other_hosts_are_not_ours)
{
	SESSION(db);
	AUTO_CALIBRATIONS struct calibrations c = { 0 };
	struct ledger l;
	struct calibration one = calibration_about("fill", "run");

	REQUIRE(says(ledger_drop(db, &err)) && says(ledger_open(db, "postgres", false, &l, &err)));
	one.duty = INFINITY;
	REQUIRE(says(calibration_write(&l, db, &one, 1, &err)));
	REQUIRE(says(
		pg_exec(db,
			"UPDATE plmaint.calibration SET p50 = 'NaN', actual = -1, seconds = 'inf',"
			" rows = -5, share = 2;"
			"INSERT INTO plmaint.calibration (run, job, host, version, what)"
			" VALUES (1, 'fill', 'elsewhere', 'v', 'run')",
			&err)));
	REQUIRE(says(calibration_read(db, "fill", "run", 10, &c, &err)));
	REQUIRE(c.n == 1);
	CHECK(isnan(c.item[0].p50) && isnan(c.item[0].actual) && isnan(c.item[0].seconds) &&
	      isnan(c.item[0].share) && isnan(c.item[0].duty) && c.item[0].rows == -1);
}

TAP_MAIN(row(nothing_is_known_without_a_ledger), row(what_is_written_is_read_newest_first),
	 row(what_cannot_be_is_unknown_and_other_hosts_are_not_ours))
