/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of contents of a pg_dump archive in directory format, toc.dat, and entries of our own
 * in it: pg_dump is told to leave the data of a table out (--exclude-table-data), another writes
 * that data to a file in the archive, and pg_restore takes it for pg_dump's.
 *
 * Written for the versions of the archive that PostgreSQL 12 to 18 write.  What is read is checked:
 * a damaged file is ERR_DATA, a version of the archive that is not known is ERR_UNSUPPORTED, upon
 * which a caller lets pg_dump write everything.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include <stddef.h>

struct pg_toc;
/* archive: the directory.  ERR_NOT_FOUND where it has no toc.dat. */
bool pg_toc_read(const char *archive, struct pg_toc **ret, struct err *err) MUST_CHECK;
/* The same of bytes, which are copied. */
bool pg_toc_parse(const void *bytes, size_t len, struct pg_toc **ret, struct err *err) MUST_CHECK;
void pg_toc_free(struct pg_toc *t); /* NULL is fine */
void pg_toc_auto_free(struct pg_toc **t);
#define AUTO_PG_TOC __attribute__((cleanup(pg_toc_auto_free)))
/* Of the server that was dumped, as libpq has it, without its minor release: 150000. */
int pg_toc_server_version(const struct pg_toc *t);
/*
 * Adds the data of a table, which is in the archive without it: copy as pg_dump words it,
 * "COPY public.t (a, b) FROM stdin;\n", and as the rows in the file are meant, which end with
 * "\\.\n\n\n".  *ret_file (caller frees) is the name that the file in the archive must have, as of
 * one that is not compressed; compressed, it has pg_dump's suffix behind that.
 * ERR_NOT_FOUND: there is no such table; ERR_DATA: its data is there.
 */
bool pg_toc_add_table_data(struct pg_toc *t, const char *schema, const char *table,
			   const char *copy, char **ret_file, struct err *err) MUST_CHECK;
/* Adds the bytes of toc.dat to out: those that were read, where nothing was added. */
void pg_toc_bytes(const struct pg_toc *t, struct strbuf *out);
/* Puts it in the place of the one in the archive, whole or not at all, durable. */
bool pg_toc_write(const struct pg_toc *t, const char *archive, struct err *err) MUST_CHECK;
