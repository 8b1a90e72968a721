/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of contents of any bytes: what is accepted is written as it was read, and with the data of
 * a table added it is accepted again.
 */
#include "lib/core/mem.h"
#include "lib/drivers/pg_toc.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct pg_toc *t, const void *bytes, size_t len)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	pg_toc_bytes(t, &b);
	if (b.len != len || memcmp(b.data, bytes, len) != 0)
		abort();
}

static void add(struct pg_toc *t)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	AUTO_PG_TOC struct pg_toc *again = NULL;
	AUTO_FREE char *file = NULL, *second = NULL;
	struct err err;

	if (!pg_toc_add_table_data(t, "public", "t", "COPY public.t (a) FROM stdin;\n", &file,
				   &err))
		return;
	pg_toc_bytes(t, &b);
	if (!pg_toc_parse(b.data, b.len, &again, &err))
		abort();
	same(again, b.data, b.len);
	if (pg_toc_add_table_data(again, "public", "t", "", &second, &err))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_PG_TOC struct pg_toc *t = NULL;
	struct err err = { .code = ERR_NONE };

	if (!pg_toc_parse(data, size, &t, &err)) {
		if (t || !*err.text)
			abort();
		return 0;
	}
	same(t, data, size);
	add(t);
	return 0;
}
