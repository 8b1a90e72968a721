/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ledger's schema is put into a statement at "@." and nowhere else. */
#include "lib/batch/ledger.h"
#include "lib/core/mem.h"
#include "tests/harness/tap.h"

static void same(const char *schema, const char *sql, const char *wanted)
{
	AUTO_FREE char *text = ledger_sql(&(struct ledger){ .schema = schema }, sql);

	CHECK_STR(text, wanted);
}

TEST(every_mark_becomes_the_schema)
{
	same("plmaint", "SELECT 1 FROM @.run r, @.range",
	     "SELECT 1 FROM plmaint.run r, plmaint.range");
	same("pg_temp", "@.a@.b", "pg_temp.apg_temp.b");
	same("plmaint", "@.", "plmaint.");
}

TEST(nothing_else_is_touched)
{
	same("plmaint", "", "");
	same("plmaint", "SELECT 'a@b', $1 @> $2, x.y", "SELECT 'a@b', $1 @> $2, x.y");
	same("plmaint", "@", "@");
	same("plmaint", "x@@.y", "x@plmaint.y");
}

TAP_MAIN(row(every_mark_becomes_the_schema), row(nothing_else_is_touched))
