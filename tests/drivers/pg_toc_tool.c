/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lib/drivers/pg_toc does to an archive of pg_dump, for test_pg_toc.py:
 *	pg_toc_tool ARCHIVE [SCHEMA TABLE COPY]...
 * adds the data of these tables, writes the table of contents and prints the files that it now
 *names, a line each.  Ends with 1 where something failed, which it prints.
 */
#include "lib/core/mem.h"
#include "lib/drivers/pg_toc.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	AUTO_PG_TOC struct pg_toc *toc = NULL;
	struct err err = { 0 };

	if (argc < 2 || argc % 3 != 2)
		return 2;
	bool ok = pg_toc_read(argv[1], &toc, &err);

	for (int i = 2; ok && i < argc; i += 3) {
		AUTO_FREE char *file = NULL;

		ok = pg_toc_add_table_data(toc, argv[i], argv[i + 1], argv[i + 2], &file, &err);
		if (ok)
			puts(file);
	}
	ok = ok && pg_toc_write(toc, argv[1], &err);
	if (!ok)
		printf("%s: %s\n", err_code_name(err.code), err.text);
	return !ok;
}
