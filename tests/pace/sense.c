/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The signals of a server, against that of PLMAINT_TEST_CONNINFO.  Run by test_sense.py, which
 * gives each run a database of its own.
 */
#include "lib/pace/sense.h"
#include "lib/core/clock.h"
#include "tests/drivers/pg_case.h"
#include <math.h>

static bool never(void *arg, double began)
{
	(void)arg;
	(void)began;
	return false;
}

static struct sense_options options(const char *query)
{
	return (struct sense_options){ .tables = "{}",
				       .probe = "SELECT nextval('asked') WHERE $1 IS NOT NULL",
				       .met = never,
				       .query = query };
}

/* Four of five are of requests alone; the last part of the fifth is a commit. */
TEST(a_probe_is_five_round_trips)
{
	SESSION(pg, false);
	const struct sense_options o = options(NULL);
	struct signals seen = { .probes = 0 };
	struct sense *s = sense_open(&o);

	CHECK(says(pg_exec(pg, "CREATE SEQUENCE asked START 0 MINVALUE 0; SELECT nextval('asked')",
			   &err)));
	CHECK(isnan(sense_probe(s, pg))); /* nothing is prepared yet */
	sense_look(s, pg, clock_monotonic(), &seen);
	for (int i = 0; i < 4; i++)
		CHECK(sense_probe(s, pg) > 0);
	check_value(pg, "SELECT last_value FROM asked", "20");
	CHECK(sense_probe(s, pg) > 0);
	check_value(pg, "SELECT last_value FROM asked", "24");
	CHECK(says(pg_exec(pg, "DROP SEQUENCE asked", &err)));
	CHECK(isnan(sense_probe(s, pg))); /* what fails took no time */
	sense_close(s);
}

/* What is neither a number nor a boolean is no good news. */
TEST(a_query_says_stop_or_go_or_nothing)
{
	static const struct {
		const char *sql;
		enum signal_state state;
		double value;
	} cases[] = {
		{ "SELECT true", SIGNAL_KNOWN, 1 },
		{ "SELECT false", SIGNAL_KNOWN, 0 },
		{ "SELECT 0.001", SIGNAL_KNOWN, 1 },
		{ "SELECT 0", SIGNAL_KNOWN, 0 },
		{ "SELECT -7::bigint", SIGNAL_KNOWN, 0 },
		{ "SELECT 'infinity'::float8", SIGNAL_KNOWN, 1 },
		{ "SELECT 'nan'::float8", SIGNAL_UNKNOWN, 0 },
		{ "SELECT NULL::float8", SIGNAL_UNKNOWN, 0 },
		{ "SELECT 'trouble'", SIGNAL_UNKNOWN, 0 },
		{ "SELECT ''", SIGNAL_UNKNOWN, 0 },
		{ "SELECT '3 sessions'", SIGNAL_UNKNOWN, 0 },
		{ "SELECT", SIGNAL_UNKNOWN, 0 },
		{ "SELECT 1 WHERE false", SIGNAL_UNKNOWN, 0 },
		{ "SELECT generate_series(1, 2)", SIGNAL_UNKNOWN, 0 },
		{ "SELECT 1 / 0", SIGNAL_UNKNOWN, 0 },
	};
	SESSION(pg, false);

	CHECK(says(pg_exec(pg, "CREATE SEQUENCE asked", &err)));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct sense_options o = options(cases[i].sql);
		struct signals seen = { .probes = 0 };
		const struct signal_value *got = &seen.of[SIGNAL_QUERY];
		struct sense *s = sense_open(&o);
		sense_look(s, pg, clock_monotonic(), &seen);
		if (!CHECK_INT(got->state, cases[i].state) ||
		    (got->state == SIGNAL_KNOWN && !CHECK(got->value == cases[i].value)))
			fprintf(stderr, "# %s\n", cases[i].sql);
		sense_close(s);
	}
	CHECK(says(pg_exec(pg, "DROP SEQUENCE asked", &err)));
}

TAP_MAIN(row(a_probe_is_five_round_trips), row(a_query_says_stop_or_go_or_nothing))
