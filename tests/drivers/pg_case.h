/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session with the server of PLMAINT_TEST_CONNINFO, and looking at what it answers. */
#pragma once
#include "lib/core/mem.h"
#include "lib/drivers/pg_internal.h"
#include "tests/harness/tap.h"

static struct err err;

static inline struct pg *open_session(bool read_only)
{
	const struct pg_options o = { .conninfo = getenv("PLMAINT_TEST_CONNINFO"),
				      .application_name = "plmaint:test",
				      .read_only = read_only,
				      .statement_timeout_ms = 60000,
				      .lock_timeout_ms = 150 };
	struct pg *pg = NULL;
	if (!CHECK(pg_connect(&o, &pg, &err)))
		fprintf(stderr, "# %s\n", err.text);
	return pg;
}

static inline void close_session(struct pg **pg)
{
	pg_close(*pg);
}
#define SESSION(name, read_only)                                                           \
	__attribute__((cleanup(close_session))) struct pg *name = open_session(read_only); \
	REQUIRE(name)

static inline bool says(bool ok)
{
	if (!ok)
		fprintf(stderr, "# %s %s: %s\n", err_code_name(err.code), err.native, err.text);
	return ok;
}

/* One value as text; the caller frees. */
static inline char *value(struct pg *pg, const char *sql)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	if (!CHECK(says(pg_query(pg, sql, NULL, 0, &r, &err))))
		return NULL;
	return xstrdup(pg_text(r, 0, 0));
}

static inline void check_value(struct pg *pg, const char *sql, const char *wanted)
{
	AUTO_FREE char *got = value(pg, sql);
	if (!CHECK_STR(got, wanted))
		fprintf(stderr, "# %s\n", sql);
}
