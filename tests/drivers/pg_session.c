/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one session of lib/drivers/pg does, against the server of PLMAINT_TEST_CONNINFO.  Run by
 * test_pg.py, which starts the server; without one there is nothing to test here.
 */
#include "lib/core/clock.h"
#include "tests/drivers/pg_case.h"
#include <poll.h>
#include <pthread.h>
#include <stdint.h>

TEST(settings_of_a_session)
{
	SESSION(ro, true);
	SESSION(rw, false);
	check_value(ro, "SHOW default_transaction_read_only", "on");
	check_value(ro, "SHOW idle_in_transaction_session_timeout", "0");
	check_value(rw, "SHOW default_transaction_read_only", "off");
	check_value(rw, "SHOW idle_in_transaction_session_timeout", "30s");
	check_value(rw, "SHOW statement_timeout", "1min");
	check_value(rw, "SHOW lock_timeout", "150ms");
	check_value(rw, "SHOW jit", "off");
	check_value(rw, "SHOW client_encoding", "UTF8");
	check_value(rw, "SHOW application_name", "plmaint:test");
	check_value(rw, "SHOW timezone", "UTC");
	/* The conninfo of the test sets it by options, which must survive next to ours. */
	check_value(rw, "SHOW work_mem", "5MB");
	CHECK(pg_server_version(rw) >= 130000);
	AUTO_FREE char *pid = value(rw, "SELECT pg_backend_pid()");
	CHECK_INT(strtol(pid, NULL, 10), pg_backend_pid(rw));
	CHECK(pg_alive(rw));
	pg_close(NULL);
}

TEST(read_only_refuses_to_write)
{
	SESSION(ro, true);
	CHECK(!pg_exec(ro, "CREATE TABLE never ()", &err));
	CHECK_STR(err.native, "25006");
	CHECK_INT(err.code, ERR_DB);
	CHECK(strstr(err.hint, "read only"));
}

TEST(last_warning_is_kept_until_asked_for)
{
	SESSION(pg, false);
	struct err warning;
	CHECK(!pg_warned(pg, &warning));
	REQUIRE(says(pg_exec(pg,
			     "DO $$ BEGIN RAISE WARNING 'first'; RAISE NOTICE 'no matter';"
			     " RAISE WARNING 'last' USING ERRCODE = '55P03'; END $$",
			     &err)));
	REQUIRE(says(pg_exec(pg, "SELECT 1", &err)));
	CHECK(pg_warned(pg, &warning));
	CHECK_STR(warning.text, "last");
	CHECK_STR(warning.native, "55P03");
	CHECK(!pg_warned(pg, &warning));
}

TEST(parameters_and_results_as_text)
{
	SESSION(pg, false);
	const struct pg_param p[] = { PG_P_TEXT("7"),
				      { PG_TEXT, "a'b\\", -1 },
				      { PG_TEXT, NULL, -1 },
				      PG_P_BIN(PG_TEXT, "xyz", 2),
				      { PG_BOOL, "t", -1 } };
	AUTO_ROWS struct pg_rows *r = NULL;
	REQUIRE(says(pg_query(pg,
			      "SELECT $1::int8 + 1, $2, $3, $4, $5, -12345678901::int8, 'f'::bool",
			      p, 5, &r, &err)));
	CHECK_INT(pg_rows_count(r), 1);
	CHECK_INT(pg_int(r, 0, 0), 8);
	CHECK_STR(pg_text(r, 0, 1), "a'b\\");
	CHECK_INT(pg_len(r, 0, 1), 4);
	CHECK(pg_is_null(r, 0, 2));
	CHECK(!pg_is_null(r, 0, 1));
	CHECK_STR(pg_text(r, 0, 2), "");
	CHECK_INT(pg_int(r, 0, 2), 0);
	CHECK_STR(pg_text(r, 0, 3), "xy");
	CHECK(pg_bool(r, 0, 4));
	CHECK_INT(pg_int(r, 0, 5), -12345678901);
	CHECK(!pg_bool(r, 0, 6));
}

TEST(results_in_binary)
{
	SESSION(pg, false);
	const uint32_t oids[] = { PG_INT4 };
	REQUIRE(says(
		pg_prepare(pg, "b",
			   "SELECT -2::int2, $1, -12345678901::int8, 4294967295::oid, "
			   "true, false, NULL::int4, 'ab'::text, "
			   "'00112233-4455-6677-8899-aabbccddeeff'::uuid, 4294967295::text::xid",
			   oids, 1, &err)));
	const uint32_t minus_one = UINT32_MAX;
	const struct pg_param p[] = { PG_P_BIN(PG_INT4, &minus_one, sizeof minus_one) };
	AUTO_ROWS struct pg_rows *r = NULL;
	REQUIRE(says(pg_execute(pg, "b", p, 1, true, &r, &err)));
	CHECK_INT(pg_int(r, 0, 0), -2);
	CHECK_INT(pg_int(r, 0, 1), -1);
	CHECK_INT(pg_int(r, 0, 2), -12345678901);
	CHECK_INT(pg_int(r, 0, 3), 4294967295);
	CHECK_INT(pg_int(r, 0, 9), 4294967295);
	CHECK(pg_bool(r, 0, 4));
	CHECK(!pg_bool(r, 0, 5));
	CHECK(pg_is_null(r, 0, 6));
	CHECK_INT(pg_int(r, 0, 6), 0);
	CHECK(!pg_bool(r, 0, 6));
	CHECK_MEM(pg_text(r, 0, 7), pg_len(r, 0, 7), "ab", 2);
	char uuid[37];
	REQUIRE(pg_len(r, 0, 8) == 16);
	uuid_format((const unsigned char *)pg_text(r, 0, 8), uuid);
	CHECK_STR(uuid, "00112233-4455-6677-8899-aabbccddeeff");
}

TEST(rows_affected)
{
	SESSION(pg, false);
	REQUIRE(says(pg_exec(pg, "CREATE TEMP TABLE t (a int); INSERT INTO t VALUES (1), (2), (3)",
			     &err)));
	AUTO_ROWS struct pg_rows *r = NULL;
	REQUIRE(says(
		pg_query(pg, "UPDATE t SET a = a + 1 WHERE a > 1 RETURNING a", NULL, 0, &r, &err)));
	CHECK_INT(pg_rows_affected(r), 2);
	CHECK_INT(pg_rows_count(r), 2);
	pg_rows_auto(&r);
	CHECK(r == NULL);
	REQUIRE(says(pg_query(pg, "DELETE FROM t", NULL, 0, &r, &err)));
	CHECK_INT(pg_rows_affected(r), 3);
	pg_rows_auto(&r);
	REQUIRE(says(pg_query(pg, "BEGIN", NULL, 0, &r, &err)));
	CHECK_INT(pg_rows_affected(r), 0);
}

TEST(arrays)
{
	SESSION(pg, false);
	struct pg_array text, uuid, jsonb, i4, i8, flag;
	pg_array_init(&text, PG_TEXT);
	pg_array_init(&uuid, PG_UUID);
	pg_array_init(&jsonb, PG_JSONB);
	pg_array_init(&i4, PG_INT4);
	pg_array_init(&i8, PG_INT8);
	pg_array_init(&flag, PG_BOOL);
	unsigned char id[16];
	CHECK(uuid_parse("00112233-4455-6677-8899-aabbccddeeff", id));
	for (int round = 0; round < 2; round++) { /* cleared arrays are as good as new */
		pg_array_clear(&text);
		pg_array_clear(&uuid);
		pg_array_clear(&jsonb);
		pg_array_clear(&i4);
		pg_array_clear(&i8);
		pg_array_clear(&flag);
		pg_array_bytes(&text, "a{,\"}b", 6);
		pg_array_null(&text);
		pg_array_bytes(&text, "", 0);
		pg_array_bytes(&uuid, id, sizeof id);
		pg_array_null(&uuid);
		pg_array_bytes(&uuid, id, sizeof id);
		pg_array_jsonb(&jsonb, "{\"k\": [1]}", 10);
		pg_array_jsonb(&jsonb, "null", 4);
		pg_array_null(&jsonb);
		pg_array_int4(&i4, INT32_MIN);
		pg_array_int4(&i4, 1);
		pg_array_null(&i4);
		pg_array_int8(&i8, INT64_MAX);
		pg_array_int8(&i8, -1);
		pg_array_int8(&i8, 0);
		pg_array_bool(&flag, true);
		pg_array_bool(&flag, false);
		pg_array_null(&flag);
		const struct pg_param p[] = {
			pg_array_param(&text, PG_TEXT_ARRAY),
			pg_array_param(&uuid, PG_UUID_ARRAY),
			pg_array_param(&jsonb, PG_JSONB_ARRAY),
			pg_array_param(&i4, PG_INT4_ARRAY),
			pg_array_param(&i8, PG_INT8_ARRAY),
			pg_array_param(&flag, PG_BOOL_ARRAY),
		};
		AUTO_ROWS struct pg_rows *r = NULL;
		REQUIRE(says(pg_query(pg,
				      "SELECT x::text FROM unnest($1, $2, $3, $4, $5, $6) "
				      "AS x(t, u, j, a, b, c)",
				      p, 6, &r, &err)));
		CHECK_INT(pg_rows_count(r), 3);
		CHECK_STR(pg_text(r, 0, 0),
			  "(\"a{,\"\"}b\",00112233-4455-6677-8899-aabbccddeeff,"
			  "\"{\"\"k\"\": [1]}\",-2147483648,9223372036854775807,t)");
		CHECK_STR(pg_text(r, 1, 0), "(,,null,1,-1,f)");
		CHECK_STR(pg_text(r, 2, 0), "(\"\",00112233-4455-6677-8899-aabbccddeeff,,,0,)");
	}
	struct pg_array *const all[] = { &text, &uuid, &jsonb, &i4, &i8, &flag };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		pg_array_release(all[i]);
}

TEST(empty_array)
{
	SESSION(pg, false);
	struct pg_array a;
	pg_array_init(&a, PG_UUID);
	for (int round = 0; round < 2; round++) {
		const struct pg_param p[] = { pg_array_param(&a, PG_UUID_ARRAY) };
		AUTO_ROWS struct pg_rows *r = NULL;
		CHECK(says(pg_query(pg, "SELECT $1::text", p, 1, &r, &err)) &&
		      CHECK_STR(pg_text(r, 0, 0), "{}"));
		pg_array_clear(&a);
	}
	pg_array_release(&a);
}

/* Every class of error that callers tell apart. */
static const struct {
	const char *sql, *native;
	enum err_code code;
} refusals[] = {
	{ "SELECT 1/0", "22012", ERR_DATA },
	{ "SELECT '\\xff'::bytea::text::int", "22P02", ERR_DATA },
	{ "INSERT INTO pg_temp.u VALUES (1), (1)", "23505", ERR_DATA },
	{ "INSERT INTO pg_temp.u VALUES (NULL)", "23502", ERR_DATA },
	{ "INSERT INTO pg_temp.f VALUES (99)", "23503", ERR_DB },
	{ "SELECT nosuch", "42703", ERR_DB },
	{ "SELECT * FROM nosuch", "42P01", ERR_DB },
	{ "SELEC", "42601", ERR_DB },
	{ "SELECT * FROM pg_authid", "42501", ERR_DENIED },
	{ "SELECT plmaint_test_raise('40001')", "40001", ERR_RETRY },
	{ "SELECT plmaint_test_raise('40P01')", "40P01", ERR_RETRY },
	{ "SELECT plmaint_test_raise('55P03')", "55P03", ERR_RETRY },
	{ "SELECT plmaint_test_raise('57P02')", "57P02", ERR_RETRY },
	{ "SELECT plmaint_test_raise('57P03')", "57P03", ERR_RETRY },
	{ "SELECT plmaint_test_raise('53100')", "53100", ERR_IO },
	{ "SELECT plmaint_test_raise('58030')", "58030", ERR_IO },
	{ "SELECT plmaint_test_raise('08006')", "08006", ERR_CONNECT },
	{ "SET statement_timeout = 20; SELECT pg_sleep(20)", "57014", ERR_RETRY },
};

TEST(errors_by_sqlstate)
{
	SESSION(pg, false);
	REQUIRE(says(
		pg_exec(pg,
			"CREATE FUNCTION pg_temp.raise(s text) RETURNS void LANGUAGE plpgsql AS "
			"$$BEGIN RAISE 'raised' USING ERRCODE = s, DETAIL = E'two\\nlines', "
			"HINT = 'Do this.'; END$$;"
			"CREATE TEMP TABLE u (a int PRIMARY KEY);"
			"CREATE TEMP TABLE f (a int REFERENCES u)",
			&err)));
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		AUTO_STRBUF struct strbuf sql = { 0 };
		const char *call = strstr(refusals[i].sql, "plmaint_test_raise");
		strbuf_adds(&sql, call ? "SELECT pg_temp.raise" : refusals[i].sql);
		strbuf_adds(&sql, call ? call + strlen("plmaint_test_raise") : "");
		err = (struct err){ 0 };
		CHECK(!pg_exec(pg, sql.data, &err));
		if (!CHECK_STR(err.native, refusals[i].native) ||
		    !CHECK_INT(err.code, refusals[i].code))
			fprintf(stderr, "# %s: %s\n", sql.data, err.text);
		CHECK(strchr(err.text, '\n') == NULL);
		if (call) {
			CHECK_STR(err.text, "raised: two lines");
			CHECK_STR(err.hint, "Do this.");
		}
		CHECK(pg_alive(pg));
	}
}

TEST(ret_is_untouched_on_failure)
{
	SESSION(pg, false);
	struct pg_rows *marker = (struct pg_rows *)&err, *r = marker;
	CHECK(!pg_query(pg, "SELECT 1/0", NULL, 0, &r, &err));
	CHECK(r == marker);
	CHECK(!pg_execute(pg, "nosuch", NULL, 0, false, &r, &err));
	CHECK_STR(err.native, "26000");
	CHECK(r == marker);
}

TEST(copy_is_an_error_and_no_hang)
{
	for (int piped = 0; piped < 2; piped++) {
		SESSION(pg, false);
		if (piped) {
			CHECK(pg_pipe_query(pg, "COPY (SELECT 1) TO STDOUT", NULL, 0, &err));
			CHECK(!pg_pipe_flush(pg, NULL, 1, &err));
		} else {
			CHECK(!pg_exec(pg, "COPY (SELECT 1) TO STDOUT", &err));
		}
		CHECK(!pg_alive(pg));
	}
}

TEST(too_many_parameters)
{
	SESSION(pg, false);
	const struct pg_param p[PG_PARAMS_MAX + 1] = { 0 };
	CHECK(!pg_query(pg, "SELECT 1", p, ARRAY_LEN(p), NULL, &err));
	CHECK_INT(err.code, ERR_BUG);
}

/* Cancels once the statement is seen to run. */
static void *cancel_when_active(void *arg)
{
	struct pg *const *pair = arg;
	AUTO_FREE char *sql = xasprintf("SELECT count(*) FROM pg_stat_activity WHERE pid = %d "
					"AND state = 'active' AND wait_event = 'PgSleep'",
					pg_backend_pid(pair[0]));
	double deadline = clock_monotonic() + 20;
	struct err mine;
	for (bool seen = false; !seen && clock_monotonic() < deadline;) {
		AUTO_ROWS struct pg_rows *r = NULL;
		seen = pg_query(pair[1], sql, NULL, 0, &r, &mine) && pg_int(r, 0, 0) == 1;
	}
	pg_cancel(pair[0]);
	return NULL;
}

static void cancel_from_a_thread(bool piped)
{
	SESSION(pg, false);
	SESSION(watcher, true);
	struct pg *pair[] = { pg, watcher };
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, cancel_when_active, pair) == 0);
	double before = clock_monotonic();
	if (piped) {
		CHECK(pg_pipe_query(pg, "SELECT pg_sleep(40)", NULL, 0, &err));
		CHECK(!pg_pipe_flush(pg, NULL, 1, &err));
	} else {
		CHECK(!pg_exec(pg, "SELECT pg_sleep(40)", &err));
	}
	CHECK_STR(err.native, "57014");
	CHECK_INT(err.code, ERR_RETRY);
	CHECK(clock_monotonic() - before < 30);
	pthread_join(thread, NULL);
	CHECK(says(pg_exec(pg, "SELECT 1", &err)));
}

TEST(cancel_of_a_statement)
{
	cancel_from_a_thread(false);
}
TEST(cancel_of_a_pipeline)
{
	cancel_from_a_thread(true);
}

TEST(end_by_the_administrator)
{
	for (int piped = 0; piped < 2; piped++) {
		SESSION(pg, false);
		static const char sql[] =
			"SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)";
		if (piped) {
			CHECK(pg_pipe_query(pg, "SELECT 1", NULL, 0, &err));
			CHECK(pg_pipe_query(pg, sql, NULL, 0, &err));
			CHECK(pg_pipe_query(pg, "SELECT 2", NULL, 0, &err));
			struct pg_rows *r[3];
			CHECK(!pg_pipe_flush(pg, r, 3, &err));
			CHECK(!r[0] && !r[1] && !r[2]);
		} else {
			CHECK(!pg_exec(pg, sql, &err));
		}
		CHECK_STR(err.native, "57P01");
		CHECK_INT(err.code, ERR_RETRY);
		CHECK(!pg_alive(pg));
		/* And every later call says so, without hanging. */
		CHECK(!pg_exec(pg, "SELECT 1", &err));
		CHECK_INT(err.code, ERR_CONNECT);
		CHECK(!pg_pipe_query(pg, "SELECT 1", NULL, 0, &err) ||
		      !pg_pipe_flush(pg, NULL, 1, &err));
		CHECK_INT(err.code, ERR_CONNECT);
		CHECK_STR(err.native, "08006");
		CHECK(err.hint[0]);
	}
}

struct heard {
	int count;
	char channel[64], payload[64];
};

static void hear(void *arg, const char *channel, const char *payload)
{
	struct heard *h = arg;
	h->count++;
	snprintf(h->channel, sizeof h->channel, "%s", channel);
	snprintf(h->payload, sizeof h->payload, "%s", payload);
}

TEST(notifications)
{
	SESSION(pg, false);
	SESSION(other, false);
	struct heard heard = { 0 };
	REQUIRE(says(pg_listen(pg, "Odd \"channel\"", &err)));
	CHECK(says(pg_notifications(pg, hear, &heard, &err)));
	CHECK_INT(heard.count, 0);
	REQUIRE(says(
		pg_exec(other,
			"NOTIFY \"Odd \"\"channel\"\"\", 'one'; NOTIFY \"Odd \"\"channel\"\"\", "
			"'two'",
			&err)));
	struct pollfd p = { .fd = pg_socket(pg), .events = POLLIN };
	CHECK_INT(poll(&p, 1, 20000), 1);
	CHECK(says(pg_notifications(pg, hear, &heard, &err)));
	CHECK_INT(heard.count, 2);
	CHECK_STR(heard.channel, "Odd \"channel\"");
	CHECK_STR(heard.payload, "two");
	/* A session that has ended is an error, not silence. */
	AUTO_FREE char *end = xasprintf("SELECT pg_terminate_backend(%d)", pg_backend_pid(pg));
	REQUIRE(says(pg_exec(other, end, &err)));
	bool ok = true;
	for (int i = 0; ok && i < 10 && poll(&p, 1, 20000) == 1; i++)
		ok = pg_notifications(pg, hear, &heard, &err);
	CHECK(!ok);
	CHECK_INT(err.code, ERR_CONNECT);
}

TAP_MAIN(row(settings_of_a_session), row(read_only_refuses_to_write),
	 row(last_warning_is_kept_until_asked_for), row(parameters_and_results_as_text),
	 row(results_in_binary), row(rows_affected), row(arrays), row(empty_array),
	 row(errors_by_sqlstate), row(ret_is_untouched_on_failure),
	 row(copy_is_an_error_and_no_hang), row(too_many_parameters), row(cancel_of_a_statement),
	 row(cancel_of_a_pipeline), row(end_by_the_administrator), row(notifications))
