/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Binary one-dimensional arrays as array_recv reads them (PostgreSQL, utils/adt/arrayfuncs.c):
 * int32 dimensions, int32 has-null flag, element type, then per dimension int32 length and int32
 * lower bound, then per element int32 length (-1 is NULL) and the bytes.  All big endian.
 */
#include "lib/core/text.h"
#include "lib/drivers/pg.h"
#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

enum { HEADER = 20 }; /* bytes: five int32 */

static void add_be32(struct pg_array *a, uint32_t v)
{
	uint32_t be = htonl(v);
	strbuf_add(&a->buf, &be, sizeof be);
}

/* Element header; the caller adds len bytes. */
static void begin(struct pg_array *a, size_t len)
{
	if (a->buf.len == 0)
		strbuf_add(&a->buf, (const char[HEADER]){ 0 }, HEADER);
	add_be32(a, (uint32_t)len);
	a->n++;
}

void pg_array_init(struct pg_array *a, enum pg_oid elem)
{
	*a = (struct pg_array){ .elem = (uint32_t)elem };
}

void pg_array_clear(struct pg_array *a)
{
	strbuf_clear(&a->buf);
	a->n = 0;
	a->has_null = false;
}

void pg_array_release(struct pg_array *a)
{
	strbuf_release(&a->buf);
	a->n = 0;
	a->has_null = false;
}

void pg_array_null(struct pg_array *a)
{
	begin(a, UINT32_MAX);
	a->has_null = true;
}

void pg_array_bytes(struct pg_array *a, const void *p, size_t n)
{
	begin(a, n);
	strbuf_add(&a->buf, p, n);
}

void pg_array_jsonb(struct pg_array *a, const char *json, size_t n)
{
	begin(a, n + 1);
	strbuf_add(&a->buf, "\1", 1);
	strbuf_add(&a->buf, json, n);
}

void pg_array_int4(struct pg_array *a, int32_t v)
{
	begin(a, sizeof v);
	add_be32(a, (uint32_t)v);
}

void pg_array_int8(struct pg_array *a, int64_t v)
{
	uint64_t be = htobe64((uint64_t)v);
	pg_array_bytes(a, &be, sizeof be);
}

void pg_array_bool(struct pg_array *a, bool v)
{
	pg_array_bytes(a, v ? "\1" : "\0", 1);
}

struct pg_param pg_array_param(struct pg_array *a, uint32_t array_oid)
{
	if (a->buf.len == 0)
		strbuf_add(&a->buf, (const char[HEADER]){ 0 }, HEADER);
	const uint32_t header[HEADER / 4] = { htonl(1), htonl(a->has_null), htonl(a->elem),
					      htonl((uint32_t)a->n), htonl(1) };
	memcpy(a->buf.data, header, HEADER);
	return (struct pg_param){ array_oid, a->buf.data, (int)a->buf.len };
}

/* 8-4-4-4-12, as PostgreSQL prints it; nothing may follow. */
bool uuid_parse(const char *text, unsigned char out[16])
{
	unsigned char bytes[16];
	const char *p = text;
	for (int i = 0; i < 16; i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-')
			return false;
		int high = hex_digit(p[0]);
		int low = high < 0 ? -1 : hex_digit(p[1]);
		if (low < 0)
			return false;
		bytes[i] = (unsigned char)(high << 4 | low);
		p += 2;
	}
	if (*p)
		return false;
	memcpy(out, bytes, sizeof bytes);
	return true;
}

void uuid_format(const unsigned char in[16], char out[37])
{
	static const char digits[] = "0123456789abcdef";
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*out++ = '-';
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = '\0';
}
