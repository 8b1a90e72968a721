/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts by stratum on the database of PLMAINT_TEST_CONNINFO, where test_strata.py has made 5,000
 * images. */
#include "lib/pulp/strata.h"
#include "lib/core/mem.h"
#include "tests/harness/tap.h"
#include <string.h>

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

static bool count(double seconds, struct strata *ret)
{
	const struct pg_options o = { .conninfo = getenv("PLMAINT_TEST_CONNINFO") };
	const struct pending_options all = { 0 };
	__attribute__((cleanup(close_session))) struct pg *db = NULL;
	struct pulp_schema schema;

	return says(pg_connect(&o, &db, &err)) &&
	       says(pulp_schema_probe(db, false, false, &schema, &err)) &&
	       says(strata_count(db, &schema, &all, "file system", 5000, seconds, ret, &err));
}

static int64_t rows(const struct strata *s)
{
	int64_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->item[i].rows;
	return n;
}

TEST(all_are_counted_and_keys_are_drawn)
{
	AUTO_STRATA struct strata s = { 0 };

	REQUIRE(count(60, &s));
	CHECK(s.share == 1);
	CHECK_INT(rows(&s), 5000);
	const struct strata_keys *k = &s.keys[STRATUM_FILL][0];
	/* 600 of 5,000 in the mean; ten standard deviations are 230. */
	CHECK(k->n > 370 && k->n < 830);
	for (size_t i = 1; i < k->n; i++)
		REQUIRE(memcmp(k->key[i - 1], k->key[i], 16) < 0);
	CHECK_INT(s.n_repositories, 10);
	CHECK_INT(s.repository[0].rows, 500);
}

TEST(what_takes_too_long_is_an_estimate_and_says_so)
{
	AUTO_STRATA struct strata s = { 0 };

	REQUIRE(count(0, &s));
	CHECK(s.share > 0 && s.share < 1);
	CHECK(rows(&s) % (int64_t)(1 / s.share) == 0);
	CHECK(rows(&s) < 25000);
}

TAP_MAIN(row(all_are_counted_and_keys_are_drawn),
	 row(what_takes_too_long_is_an_estimate_and_says_so))
