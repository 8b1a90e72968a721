/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is added comes row by row and goes to zlib in larger pieces, for which it is made. */
#include "lib/drivers/gzip.h"

#include "lib/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
	PIECE = 64 << 10,
	GZIP_FORMAT = 16, /* added to the window's bits: a gzip member and not a zlib stream */
	MEMORY = 8	  /* zlib's default */
};

struct gzip {
	z_stream z;
	bool (*put)(void *arg, const void *data, size_t len, struct err *err);
	void *arg;
	size_t waits; /* bytes of in */
	unsigned char in[PIECE], out[PIECE];
};

struct gzip *gzip_new(int level,
		      bool (*put)(void *arg, const void *data, size_t len, struct err *err),
		      void *arg)
{
	struct gzip *g = xcalloc(1, sizeof(*g));

	g->put = put;
	g->arg = arg;
	/* It fails for want of memory only, as xcalloc() does. */
	if (deflateInit2(&g->z, level, Z_DEFLATED, MAX_WBITS + GZIP_FORMAT, MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	return g;
}

void gzip_free(struct gzip *g)
{
	if (!g)
		return;
	(void)deflateEnd(&g->z);
	free(g);
}

void gzip_begin(struct gzip *g)
{
	(void)deflateReset(&g->z);
	g->waits = 0;
}

static bool squeeze(struct gzip *g, int flush, struct err *err)
{
	g->z.next_in = g->in;
	g->z.avail_in = (uInt)g->waits;
	g->waits = 0;
	do {
		g->z.next_out = g->out;
		g->z.avail_out = PIECE;
		(void)deflate(&g->z, flush);
		size_t n = PIECE - g->z.avail_out;

		if (n && !g->put(g->arg, g->out, n, err))
			return false;
	} while (g->z.avail_out == 0);
	return true;
}

bool gzip_add(struct gzip *g, const void *data, size_t len, struct err *err)
{
	for (const unsigned char *at = data; len;) {
		size_t n = PIECE - g->waits < len ? PIECE - g->waits : len;

		memcpy(g->in + g->waits, at, n);
		g->waits += n;
		at += n;
		len -= n;
		if (g->waits == PIECE && !squeeze(g, Z_NO_FLUSH, err))
			return false;
	}
	return true;
}

bool gzip_end(struct gzip *g, struct err *err)
{
	return squeeze(g, Z_FINISH, err);
}
