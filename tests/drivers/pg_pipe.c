/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statements that are queued and sent together, and the same one by one where libpq has no
 * pipelines, against the server of PLMAINT_TEST_CONNINFO.  Run by test_pg.py.
 */
#include "lib/core/clock.h"
#include "tests/drivers/pg_case.h"

/* Both ways to run a queue must look the same. */
static struct pg *piping_session(bool sequential)
{
	struct pg *pg = open_session(false);
	if (pg && sequential)
		pg_set_sequential(pg);
	return pg;
}

static void pipe_answers(bool sequential)
{
	__attribute__((cleanup(close_session))) struct pg *pg = piping_session(sequential);
	REQUIRE(pg);
	REQUIRE(says(pg_exec(pg, "CREATE TEMP TABLE t (a int)", &err)));
	const uint32_t oids[] = { PG_INT4 };
	REQUIRE(says(
		pg_prepare(pg, "ins", "INSERT INTO t VALUES ($1) RETURNING a * 2", oids, 1, &err)));
	const struct pg_param p[] = { PG_P_TEXT("21") };
	for (int round = 0; round < 3; round++) {
		struct pg_rows *r[4] = { NULL };
		REQUIRE(says(pg_pipe_query(pg, "BEGIN", NULL, 0, &err)));
		REQUIRE(says(pg_pipe_execute(pg, "ins", p, 1, true, &err)));
		REQUIRE(says(pg_pipe_query(pg, "SELECT count(*) FROM t", NULL, 0, &err)));
		REQUIRE(says(pg_pipe_query(pg, "COMMIT", NULL, 0, &err)));
		REQUIRE(says(pg_pipe_flush(pg, r, 4, &err)));
		CHECK_INT(pg_int(r[1], 0, 0), 42);
		CHECK_INT(pg_len(r[1], 0, 0), 4); /* binary */
		CHECK_INT(pg_int(r[2], 0, 0), round + 1);
		for (int i = 0; i < 4; i++) {
			CHECK(r[i] != NULL);
			pg_rows_free(r[i]);
		}
	}
	/* Nobody wants the rows, and nothing is queued. */
	REQUIRE(says(pg_pipe_execute(pg, "ins", p, 1, false, &err)));
	REQUIRE(says(pg_pipe_flush(pg, NULL, 1, &err)));
	REQUIRE(says(pg_pipe_flush(pg, NULL, 0, &err)));
	check_value(pg, "SELECT count(*) FROM t", "4");
	REQUIRE(says(pg_pipe_query(pg, "SELECT 1", NULL, 0, &err)));
	CHECK(!pg_pipe_flush(pg, NULL, 2, &err));
	CHECK_INT(err.code, ERR_BUG);
	CHECK(says(pg_pipe_flush(pg, NULL, 1, &err)));
	/* Left queued: closing must not leak. */
	CHECK(pg_pipe_query(pg, "SELECT 1", NULL, 0, &err));
}

static void pipe_fails(bool sequential)
{
	__attribute__((cleanup(close_session))) struct pg *pg = piping_session(sequential);
	REQUIRE(pg);
	REQUIRE(says(pg_exec(pg, "CREATE TEMP TABLE t (a int)", &err)));
	struct pg_rows *r[6];
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		r[i] = (struct pg_rows *)&err;
	REQUIRE(pg_pipe_query(pg, "BEGIN", NULL, 0, &err));
	REQUIRE(pg_pipe_query(pg, "INSERT INTO t VALUES (1)", NULL, 0, &err));
	REQUIRE(pg_pipe_query(pg, "INSERT INTO t SELECT 1/0", NULL, 0, &err));
	REQUIRE(pg_pipe_query(pg, "SELECT nosuch", NULL, 0, &err));
	REQUIRE(pg_pipe_query(pg, "INSERT INTO t VALUES (2)", NULL, 0, &err));
	REQUIRE(pg_pipe_query(pg, "COMMIT", NULL, 0, &err));
	CHECK(!pg_pipe_flush(pg, r, 6, &err));
	CHECK_STR(err.native, "22012"); /* the first, not the last */
	CHECK_INT(err.code, ERR_DATA);
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		CHECK(r[i] == NULL);
	/* The session goes on once the caller has rolled back. */
	CHECK(pg_alive(pg));
	CHECK(!pg_exec(pg, "SELECT 1", &err));
	CHECK_STR(err.native, "25P02");
	REQUIRE(says(pg_exec(pg, "ROLLBACK", &err)));
	check_value(pg, "SELECT count(*) FROM t", "0");
	REQUIRE(says(pg_pipe_query(pg, "SELECT 5", NULL, 0, &err)));
	REQUIRE(says(pg_pipe_flush(pg, r, 1, &err)));
	CHECK_INT(pg_int(r[0], 0, 0), 5);
	pg_rows_free(r[0]);
}

/* Far more than sockets buffer, in both directions at once: a blocking client would hang here. */
static void pipe_is_large(bool sequential)
{
	enum { MB = 1 << 20, PARTS = 20 };
	__attribute__((cleanup(close_session))) struct pg *pg = piping_session(sequential);
	REQUIRE(pg);
	AUTO_FREE char *big = xmalloc(MB);
	memset(big, 'x', MB);
	double before = clock_monotonic();
	for (int i = 0; i < PARTS; i++) {
		const struct pg_param p[] = { PG_P_BIN(PG_TEXT, big, MB) };
		REQUIRE(says(pg_pipe_query(pg, "SELECT $1 || $1", p, 1, &err)));
	}
	struct pg_rows *r[PARTS];
	REQUIRE(says(pg_pipe_flush(pg, r, PARTS, &err)));
	fprintf(stderr, "# %s: %.0f ms\n", sequential ? "one by one" : "pipeline",
		1000 * (clock_monotonic() - before));
	for (int i = 0; i < PARTS; i++) {
		CHECK_INT(pg_len(r[i], 0, 0), 2 * MB);
		pg_rows_free(r[i]);
	}
}

TEST(pipeline_answers)
{
	pipe_answers(false);
}
TEST(pipeline_fails)
{
	pipe_fails(false);
}
TEST(pipeline_is_large)
{
	pipe_is_large(false);
}
TEST(sequential_answers)
{
	pipe_answers(true);
}
TEST(sequential_fails)
{
	pipe_fails(true);
}
TEST(sequential_is_large)
{
	pipe_is_large(true);
}

TEST(pipeline_of_one_is_one_transaction)
{
	SESSION(pg, false);
	REQUIRE(says(pg_exec(pg, "CREATE TEMP TABLE t (a int)", &err)));
	REQUIRE(pg_pipe_query(pg, "INSERT INTO t VALUES (1)", NULL, 0, &err));
	REQUIRE(pg_pipe_query(pg, "INSERT INTO t SELECT 1/0", NULL, 0, &err));
	CHECK(!pg_pipe_flush(pg, NULL, 2, &err));
	check_value(pg, "SELECT count(*) FROM t", "0");
}

TEST(unqueueable_statement_takes_back_the_queue)
{
	SESSION(pg, false);
	SESSION(other, false);
	REQUIRE(says(pg_exec(other, "CREATE TABLE kept (a int)", &err)));
	REQUIRE(pg_pipe_query(pg, "INSERT INTO kept VALUES (1)", NULL, 0, &err));
	const struct pg_param p[PG_PARAMS_MAX + 1] = { 0 };
	CHECK(!pg_pipe_query(pg, "SELECT 1", p, ARRAY_LEN(p), &err));
	CHECK_INT(err.code, ERR_BUG);
	CHECK(!pg_alive(pg));
	CHECK(!pg_exec(pg, "SELECT 1", &err));
	CHECK_INT(err.code, ERR_CONNECT);
	check_value(other, "SELECT count(*) FROM kept", "0");
	CHECK(says(pg_exec(other, "DROP TABLE kept", &err)));
}

TAP_MAIN(row(pipeline_answers), row(pipeline_fails), row(pipeline_is_large),
	 row(sequential_answers), row(sequential_fails), row(sequential_is_large),
	 row(pipeline_of_one_is_one_transaction), row(unqueueable_statement_takes_back_the_queue))
