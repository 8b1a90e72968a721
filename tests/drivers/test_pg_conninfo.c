/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/core/mem.h"
#include "lib/drivers/pg_conninfo.h"
#include "tests/harness/tap.h"

static void leads_to(const char *conninfo, const char *wanted)
{
	AUTO_FREE char *name = NULL;
	struct err err;

	CHECK(pg_conninfo_database(conninfo, &name, &err));
	CHECK_STR(name, wanted);
}

TEST(which_database)
{
	AUTO_FREE char *name = NULL;
	struct err err;

	leads_to("dbname=pulp user=other", "pulp");
	leads_to("user=other", "other");
	leads_to("postgresql://u@host/pulp?sslmode=require", "pulp");
	CHECK(!pg_conninfo_database("host=h", &name, &err) && err.code == ERR_CONFIG);
	CHECK(!pg_conninfo_database("nonsense", &name, &err) && err.code == ERR_CONFIG);
}

static void becomes(const char *conninfo, const char *database)
{
	AUTO_FREE char *changed = NULL;
	struct err err;

	CHECK(pg_conninfo_with(conninfo, database, &changed, &err));
	leads_to(changed, database);
}

TEST(another_database)
{
	becomes("host=h dbname=pulp", "a b");
	becomes("postgresql://u:p@host/pulp", "it's \\ \"=");
	becomes("", "x=y");
}

TEST(names_and_texts_in_quotes)
{
	AUTO_STRBUF struct strbuf quoted = { 0 };

	pg_quote_name(&quoted, "a\"b");
	CHECK_STR(quoted.data, "\"a\"\"b\"");
	strbuf_clear(&quoted);
	pg_quote_text(&quoted, "it's \\ \n");
	CHECK_STR(quoted.data, "E'it''s \\\\ \n'");
}

TAP_MAIN(row(which_database), row(another_database), row(names_and_texts_in_quotes))
