/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows that are sampled together: images by size, where a size has a share of the work that shows;
 * lists; and what is filled already.
 */
#include "lib/core/mem.h"
#include "procedures/manifest_estimate.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 50, LEAST_BLOCKS = 6 };
static const double shows = 0.05;      /* of the work: below it sizes are sampled together */
static const double row_bytes = 16384; /* so many bytes cost as much as a row does by itself */

static double work_of(const struct estimate_group *g)
{
	return g->rows + g->bytes / row_bytes;
}

static void add_images(const struct strata *s, struct estimate_group *bands)
{
	for (int b = 0; b < STRATA_BANDS; b++)
		bands[b] = (struct estimate_group){ .kind = PENDING_IMAGES, .from = b, .to = b };
	for (size_t i = 0; i < s->n; i++) {
		const struct stratum *t = &s->item[i];
		if (t->state != STRATUM_FILL || t->kind == STRATUM_LIST)
			continue;
		bands[t->band].rows += (double)t->rows;
		bands[t->band].bytes += (double)t->bytes;
	}
}

/* Small ones go with the next larger size; the last with the one before. */
static size_t merge_images(struct estimate_group *bands, struct estimate_group *ret)
{
	double all = 0;
	size_t n = 0;

	for (int b = 0; b < STRATA_BANDS; b++)
		all += work_of(&bands[b]);
	for (int b = 0; b + 1 < STRATA_BANDS; b++) {
		if (work_of(&bands[b]) >= shows * all)
			continue;
		bands[b + 1].from = bands[b].from;
		bands[b + 1].rows += bands[b].rows;
		bands[b + 1].bytes += bands[b].bytes;
		bands[b].rows = bands[b].bytes = 0;
	}
	for (int b = 0; b < STRATA_BANDS; b++) {
		if (bands[b].rows <= 0)
			continue;
		if (n > 0 && work_of(&bands[b]) < shows * all) {
			ret[n - 1].to = bands[b].to;
			ret[n - 1].rows += bands[b].rows;
			ret[n - 1].bytes += bands[b].bytes;
		} else {
			ret[n++] = bands[b];
		}
	}
	/* One group of all sizes needs no condition. */
	for (size_t i = 0; n > 1 && i < n; i++)
		ret[i].where = strata_band_where(i == 0 ? 0 : ret[i].from,
						 i + 1 == n ? STRATA_BANDS - 1 : ret[i].to);
	return n;
}

static struct estimate_group all_of(const struct strata *s, enum stratum_state state, bool lists,
				    bool others, enum pending_kind kind)
{
	struct estimate_group g = { .kind = kind, .to = STRATA_BANDS - 1 };

	for (size_t i = 0; i < s->n; i++) {
		const struct stratum *t = &s->item[i];
		if (t->state != state || !(t->kind == STRATUM_LIST ? lists : others))
			continue;
		g.rows += (double)t->rows;
		g.bytes += (double)t->bytes;
	}
	return g;
}

/* Blocks of one group begin at every so many-th of the keys that were drawn. */
static void place_blocks(const struct strata_keys *keys, size_t blocks, uint64_t *random,
			 struct estimate_group *g)
{
	if (blocks > keys->n)
		blocks = keys->n > 0 ? keys->n : 1;
	g->part.blocks = blocks;
	if (keys->n == 0)
		return;
	bool all = g->rows <= (double)keys->n;
	double stride = (double)keys->n / (double)blocks;
	double first =
		all ? 0 : stride * (double)(estimate_random(random) >> 12) / 4503599627370496.0;
	g->starts = xcalloc(blocks, sizeof(*g->starts));
	for (size_t i = 0; i < blocks; i++) {
		size_t at = (size_t)(first + stride * (double)i);
		memcpy(g->starts[i], keys->key[at < keys->n ? at : keys->n - 1], 16);
	}
	g->part.starts = (const unsigned char(*)[16])g->starts;
}

/* Of those that have no blocks yet, of which there is one at least. */
static struct estimate_group *largest_open(struct estimate_group *g, size_t n)
{
	struct estimate_group *ret = g;

	for (size_t i = 1; i < n; i++) {
		if (ret->part.block_rows > 0 ||
		    (g[i].part.block_rows == 0 && work_of(&g[i]) > work_of(ret)))
			ret = &g[i];
	}
	return ret;
}

/* The sample's rows by each group's share of the work; the largest comes first when there is not
 * one for each. */
static void share_out(const struct strata *s, long sample, uint64_t random,
		      struct estimate_group *g, size_t n)
{
	int block = (int)fmax(1, fmin(BLOCK_ROWS, (double)sample / LEAST_BLOCKS));
	double all = 0;
	const long blocks = sample / block;
	long left = blocks;

	for (size_t i = 0; i < n; i++)
		all += work_of(&g[i]);
	for (size_t done = 0; done < n; done++) {
		struct estimate_group *next = largest_open(g, n);
		long others = (long)(n - done - 1);
		double want = round(work_of(next) / all * (double)blocks);
		want = fmin(fmax(1, want), fmax(1, (double)(left - others)));
		want = fmin(fmin(want, (double)left), ceil(next->rows / block));
		next->part.block_rows = block;
		left -= (long)want;
		if (want < 1)
			continue;
		const struct strata_keys *keys =
			next->kind == PENDING_DETACH
				? &s->keys[STRATUM_DETACH][s->keys[STRATUM_DETACH][0].n == 0]
				: &s->keys[STRATUM_FILL][next->kind == PENDING_LISTS];
		place_blocks(keys, (size_t)want, &random, next);
	}
}

size_t estimate_groups(const struct strata *s, long sample, uint64_t random,
		       struct estimate_group ret[ESTIMATE_GROUPS])
{
	struct estimate_group bands[STRATA_BANDS];
	size_t n;

	add_images(s, bands);
	n = merge_images(bands, ret);
	ret[n] = all_of(s, STRATUM_FILL, true, false, PENDING_LISTS);
	n += ret[n].rows > 0;
	ret[n] = all_of(s, STRATUM_DETACH, true, true, PENDING_DETACH);
	n += ret[n].rows > 0;
	share_out(s, sample, random, ret, n);
	return n;
}

void estimate_groups_release(struct estimate_group *g, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(g[i].where);
		free(g[i].starts);
	}
}
