/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connection and one statement, for test_pg.py, which does things to the server meanwhile:
 *	pg_tool CONNECT_SECONDS SQL
 * with the connection string in PLMAINT_TEST_CONNINFO.  Prints the first value, or what failed:
 * code number, SQLSTATE, text and hint, a line each, and ends with 1.
 */
#include "lib/drivers/pg.h"
#include <stdio.h>
#include <stdlib.h>

static int fail(const struct err *err)
{
	printf("%d\n%s\n%s\n%s\n", err->code, err->native, err->text, err->hint);
	return 1;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	pg_ignore_environment();
	const struct pg_options o = { .conninfo = getenv("PLMAINT_TEST_CONNINFO"),
				      .application_name = "plmaint:tool",
				      .connect_timeout_s = (int)strtol(argv[1], NULL, 10) };
	struct err err = { 0 };
	struct pg *pg = NULL;
	if (!pg_connect(&o, &pg, &err))
		return fail(&err);
	struct pg_rows *rows = NULL;
	int status = 0;
	if (!pg_query(pg, argv[2], NULL, 0, &rows, &err))
		status = fail(&err);
	else
		printf("%s\n", pg_text(rows, 0, 0));
	pg_rows_free(rows);
	pg_close(pg);
	return status;
}
