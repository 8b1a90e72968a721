/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Grows with the highest page that it meets; 64 MB are for a table of 4 TB. */
#include "procedures/manifest_pages.h"
#include "lib/core/mem.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 64 << 20, SPARE_BYTES = 4096 };

struct manifest_pages {
	pthread_mutex_t lock;
	unsigned char *bits;
	size_t bytes;
};

struct manifest_pages *manifest_pages_new(void)
{
	struct manifest_pages *p = xcalloc(1, sizeof(*p));

	pthread_mutex_init(&p->lock, NULL);
	return p;
}

void manifest_pages_free(struct manifest_pages *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p->bits);
	free(p);
}

static void make_room(struct manifest_pages *p, size_t at)
{
	if (at < p->bytes)
		return;
	size_t bytes = at + at / 2 + SPARE_BYTES;
	p->bits = xrealloc(p->bits, bytes);
	memset(p->bits + p->bytes, 0, bytes - p->bytes);
	p->bytes = bytes;
}

bool manifest_pages_add(struct manifest_pages *p, int64_t page)
{
	size_t at = (size_t)page / 8;
	unsigned mask = 1U << (page & 7);

	if (page < 0 || at >= MOST_BYTES)
		return false;
	pthread_mutex_lock(&p->lock);
	make_room(p, at);
	bool met = p->bits[at] & mask;
	p->bits[at] |= (unsigned char)mask;
	pthread_mutex_unlock(&p->lock);
	return !met;
}
