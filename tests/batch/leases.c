/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Leases between two sessions, against the server of PLMAINT_TEST_CONNINFO.  Run by test_leases.py,
 * which gives each run a database of its own.
 */
#include "lib/batch/leases.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "tests/harness/tap.h"
#include <poll.h>

static struct err err;
static const double a_minute = 60.0;

static bool says(bool ok)
{
	if (!ok)
		fprintf(stderr, "# %s: %s\n", err.native, err.text);
	return ok;
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

static void close_session(struct pg **pg)
{
	pg_close(*pg);
}
#define SESSION(name)                                                             \
	__attribute__((cleanup(close_session))) struct pg *name = open_session(); \
	REQUIRE(name)

/* A fresh ledger with one open run and n ranges of phase 0. */
static bool fresh(struct pg *db, int n, struct ledger *l)
{
	char sql[512];

	snprintf(
		sql, sizeof(sql),
		"INSERT INTO plmaint.run (job, state, options, invocation, host, version)"
		" VALUES ('j', 'open', '{}', 'i', 'h', 'v');"
		" INSERT INTO plmaint.range (run, id, phase, lo, hi, total) SELECT 1, i, 0,"
		" lpad(to_hex(16 * i), 32, '0')::uuid, lpad(to_hex(16 * i + 15), 32, '0')::uuid, 16"
		" FROM generate_series(0, %d) AS i",
		n - 1);
	return says(ledger_drop(db, &err)) && says(ledger_open(db, "postgres", false, l, &err)) &&
	       CHECK(l->shared) && says(pg_exec(db, sql, &err));
}

static bool claim(const struct ledger *l, struct pg *db, double seconds, struct lease *lease,
		  bool *left)
{
	bool got = false;

	CHECK(says(lease_claim(l, db, 1, 0, seconds, lease, &got, left, &err)));
	return got;
}

/* The statement that opens every batch: does the lease still hold? */
static bool holds(const struct ledger *l, struct pg *db, const struct lease *lease)
{
	AUTO_FREE char *touch = ledger_sql(l, lease_touch_sql);
	AUTO_ROWS struct pg_rows *r = NULL;
	char run[24], range[12], token[37];

	snprintf(run, sizeof(run), "%lld", (long long)lease->run);
	snprintf(range, sizeof(range), "%d", lease->range);
	uuid_format(lease->token, token);
	return CHECK(says(pg_query(db, touch,
				   (struct pg_param[]){ PG_P_TEXT(run), PG_P_TEXT(range),
							PG_P_TEXT(token), PG_P_TEXT("60") },
				   4, &r, &err))) &&
	       pg_rows_count(r) == 1;
}

TEST(two_never_hold_one_range)
{
	SESSION(a);
	SESSION(b);
	struct ledger l;
	struct lease one, two, none;
	bool left;

	REQUIRE(fresh(a, 2, &l));
	REQUIRE(claim(&l, a, a_minute, &one, &left) && claim(&l, b, a_minute, &two, &left));
	CHECK(one.range == 0 && two.range == 1);
	CHECK(!one.adopted && !two.adopted && !one.has_pos);
	CHECK(memcmp(one.token, two.token, 16) != 0);
	CHECK(!claim(&l, a, a_minute, &none, &left) && left);
	CHECK(holds(&l, a, &one) && holds(&l, b, &two));
	CHECK(one.lo[15] == 0 && one.hi[15] == 15 && two.lo[15] == 16);
}

TEST(all_finished_leaves_nothing)
{
	SESSION(a);
	struct ledger l;
	struct lease lease;
	bool left;

	REQUIRE(fresh(a, 1, &l));
	REQUIRE(says(pg_exec(a, "UPDATE plmaint.range SET finished = true", &err)));
	CHECK(!claim(&l, a, a_minute, &lease, &left));
	CHECK(!left);
}

/* A killed program's connection closes; the server may take a moment to notice. */
TEST(a_lost_session_gives_its_range_back_at_once)
{
	SESSION(b);
	struct pg *a = open_session();
	struct ledger l;
	struct lease old, now;
	bool left, got = false;

	REQUIRE(a && fresh(a, 1, &l) && claim(&l, a, a_minute, &old, &left));
	CHECK(says(pg_exec(a, "UPDATE plmaint.range SET pos = lo", &err)));
	CHECK(!claim(&l, b, a_minute, &now, &left) && left);
	pg_close(a);
	for (double until = clock_monotonic() + 60; !got && clock_monotonic() < until;) {
		got = claim(&l, b, a_minute, &now, &left);
		(void)poll(NULL, 0, got ? 0 : 10);
	}
	REQUIRE(CHECK(got));
	CHECK(now.range == old.range && now.adopted && now.has_pos);
	CHECK_MEM((const char *)now.pos, 16, (const char *)now.lo, 16);
	CHECK(!holds(&l, b, &old)); /* whoever still believes in it changes nothing */
	CHECK(holds(&l, b, &now));
}

TEST(an_expired_lease_is_taken_and_stays_taken)
{
	SESSION(a);
	SESSION(b);
	struct ledger l;
	struct lease slow, now;
	bool left;

	REQUIRE(fresh(a, 1, &l) && claim(&l, a, -1.0, &slow, &left)); /* it has expired already */
	REQUIRE(claim(&l, b, a_minute, &now, &left));
	CHECK(now.adopted);
	CHECK(!holds(&l, a, &slow));
	/* Giving back what one no longer has takes nothing from the new holder. */
	CHECK(says(lease_release(&l, a, &slow, &err)));
	CHECK(holds(&l, b, &now));
}

/* Expired, but nobody came: the touch renews it. */
TEST(a_touch_renews)
{
	SESSION(a);
	SESSION(b);
	struct ledger l;
	struct lease mine, other;
	bool left;

	REQUIRE(fresh(a, 1, &l) && claim(&l, a, -1.0, &mine, &left));
	CHECK(holds(&l, a, &mine));
	CHECK(!claim(&l, b, a_minute, &other, &left) && left);
}

/* A batch in progress holds the row, lease or no lease: it is passed over and not waited for. */
TEST(a_range_in_a_transaction_is_passed_over)
{
	SESSION(a);
	SESSION(b);
	struct ledger l;
	struct lease mine, other;
	bool left;

	REQUIRE(fresh(a, 1, &l) && claim(&l, a, -1.0, &mine, &left));
	REQUIRE(says(pg_exec(a, "BEGIN", &err)));
	CHECK(holds(&l, a, &mine));
	REQUIRE(says(pg_exec(b, "SET lock_timeout TO '2s'", &err)));
	CHECK(!claim(&l, b, a_minute, &other, &left) && left);
	CHECK(says(pg_exec(a, "ROLLBACK", &err)));
	CHECK(claim(&l, b, a_minute, &other, &left));
}

TEST(a_released_range_is_free)
{
	SESSION(a);
	SESSION(b);
	struct ledger l;
	struct lease mine, other;
	bool left;

	REQUIRE(fresh(a, 1, &l) && claim(&l, a, a_minute, &mine, &left));
	CHECK(says(lease_release(&l, a, &mine, &err)));
	CHECK(!holds(&l, a, &mine));
	REQUIRE(claim(&l, b, a_minute, &other, &left));
	CHECK(!other.adopted);
}

TEST(one_coordinates)
{
	SESSION(b);
	struct pg *a = open_session();
	struct ledger l;
	unsigned char one[16], two[16];
	bool got;

	lease_token(one);
	lease_token(two);
	CHECK(memcmp(one, two, 16) != 0);
	REQUIRE(a && fresh(a, 1, &l));
	CHECK(lease_coordinate(&l, a, 1, one, a_minute, &got, &err) && got);
	CHECK(lease_coordinate(&l, b, 1, two, a_minute, &got, &err) && !got);
	CHECK(lease_coordinate(&l, a, 1, one, a_minute, &got, &err) && got); /* again, renewed */
	pg_close(a);
	got = false;
	for (double until = clock_monotonic() + 60; !got && clock_monotonic() < until;) {
		CHECK(lease_coordinate(&l, b, 1, two, a_minute, &got, &err));
		(void)poll(NULL, 0, got ? 0 : 10);
	}
	CHECK(got);
}

TAP_MAIN(row(two_never_hold_one_range), row(all_finished_leaves_nothing),
	 row(a_lost_session_gives_its_range_back_at_once),
	 row(an_expired_lease_is_taken_and_stays_taken), row(a_touch_renews),
	 row(a_range_in_a_transaction_is_passed_over), row(a_released_range_is_free),
	 row(one_coordinates))
