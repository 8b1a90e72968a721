/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The record of a dump's chunks, NAME.chunks.tsv beside the dump: of large tables, which rows each
 * run of pages had and where in the table's data file they are.  The next backup takes over what is
 * the same.  No restore needs it.
 *
 *	plmaint-chunks TAB 1 TAB MAJOR TAB ENCODING	of the server and the database
 *	table TAB SCHEMA TAB NAME TAB COLUMNS TAB FILE TAB PAGES
 *	chunk TAB NUMBER TAB ROWS TAB HASH TAB OFFSET TAB LENGTH TAB SHA256
 *
 * Texts have the escapes of PostgreSQL's COPY.  Chunk N of a table is the rows in its pages from
 * N * PAGES on, the last one those behind them, too.  LENGTH bytes at OFFSET of FILE, which is in
 * the dump's directory, are one gzip member, of which SHA256 is.
 */
#pragma once
#include "lib/core/err.h"
#include <stdint.h>
#include <stdio.h>

struct chunk {
	int64_t rows, hash;
	int64_t offset, length; /* 0 bytes where there are no rows */
	char sha256[65];
};
/* Texts are owned. */
struct chunk_table {
	char *schema, *name;
	char *columns; /* names and types, in order */
	char *file;
	int64_t pages;
	struct chunk *all;
	size_t n;
};
struct chunk_record {
	long major;
	char *encoding;
	struct chunk_table *tables;
	size_t n;
};
/* ERR_UNSUPPORTED: of a newer format; ERR_DATA: damaged. */
bool chunk_record_read(const char *path, struct chunk_record *ret, struct err *err) MUST_CHECK;
bool chunk_record_write(const char *path, const struct chunk_record *r, struct err *err) MUST_CHECK;
void chunk_record_release(struct chunk_record *r);
#define AUTO_CHUNK_RECORD __attribute__((cleanup(chunk_record_release)))
/* The same table with the same columns, cut in the same way; NULL: there is none. */
const struct chunk_table *chunk_record_find(const struct chunk_record *r,
					    const struct chunk_table *t);
/* Pages of one chunk of a table of so many. */
int64_t chunk_pages(int64_t pages);
