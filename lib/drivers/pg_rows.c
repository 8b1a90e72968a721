/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of a result.  struct pg_rows is libpq's PGresult under another name: the type keeps libpq
 * out of the callers, the cast keeps an allocation per statement out of the pipeline.
 */
#include "lib/drivers/pg_internal.h"
#include <stdlib.h>
#include <string.h>

static const PGresult *result(const struct pg_rows *r)
{
	return (const PGresult *)r;
}

size_t pg_rows_count(const struct pg_rows *r)
{
	return (size_t)PQntuples(result(r));
}

long pg_rows_affected(const struct pg_rows *r)
{
	/* PQcmdTuples only reads, but its parameter is not const. */
	PGresult *res = (PGresult *)(uintptr_t)r;
	return strtol(PQcmdTuples(res), NULL, 10);
}

bool pg_is_null(const struct pg_rows *r, size_t row, int col)
{
	return PQgetisnull(result(r), (int)row, col) == 1;
}

const char *pg_text(const struct pg_rows *r, size_t row, int col)
{
	return PQgetvalue(result(r), (int)row, col);
}

size_t pg_len(const struct pg_rows *r, size_t row, int col)
{
	return (size_t)PQgetlength(result(r), (int)row, col);
}

/* Big endian, two's complement. */
static int64_t big_endian(const unsigned char *p, size_t len, bool is_signed)
{
	uint64_t v = is_signed && len > 0 && (p[0] & 0x80) ? UINT64_MAX : 0;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

int64_t pg_int(const struct pg_rows *r, size_t row, int col)
{
	const char *value = pg_text(r, row, col);
	if (PQfformat(result(r), col) == 0)
		return strtoll(value, NULL, 10);
	size_t len = pg_len(r, row, col);
	if (len > sizeof(int64_t))
		return 0;
	Oid type = PQftype(result(r), col);
	return big_endian((const unsigned char *)value, len, type != PG_OID && type != PG_XID);
}

bool pg_bool(const struct pg_rows *r, size_t row, int col)
{
	const char *value = pg_text(r, row, col);
	return PQfformat(result(r), col) == 0 ? value[0] == 't' : value[0] != 0;
}

void pg_rows_free(struct pg_rows *r)
{
	PQclear((PGresult *)r);
}

void pg_rows_auto(struct pg_rows **r)
{
	pg_rows_free(*r);
	*r = NULL;
}
