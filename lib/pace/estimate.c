/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bootstrap: 2,000 times the blocks are drawn anew with replacement, since rows of one block
 * are alike, and a draw of the regime and of the throttle's duty goes with each. */
#include "lib/pace/estimate.h"
#include "lib/core/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REPLICATES = 2000 };
/* A regime is not trusted at once: so much of a run's weight says that there is none. */
static const double doubt = 0.25;
static const double unsure = 0.25;    /* sigma before any run */
static const double forgetting = 0.7; /* weight of a run against the one after it */
static const double ratio_most = 5;   /* of a logarithm: 150 times */
static const double longest = 1e9;    /* seconds: thirty years are as good as any more */

uint64_t estimate_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return z ^ z >> 31;
}

/* What is no number, or below 0, is nothing. */
static double some(double x)
{
	return x > 0 ? fmin(x, longest) : 0;
}

/* Above 0, below 1. */
static double uniform(uint64_t *seed)
{
	return ((double)(estimate_random(seed) >> 12) + 0.5) / 4503599627370496.0;
}

static double normal(uint64_t *seed)
{
	double r = sqrt(-2 * log(uniform(seed)));

	return r * cos(2 * 3.14159265358979323846 * uniform(seed));
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

struct quantiles estimate_quantiles(double *v, size_t n)
{
	if (n == 0)
		return (struct quantiles){ NAN, NAN, NAN };
	qsort(v, n, sizeof(*v), ascending);
	return (struct quantiles){ v[n / 10], v[n / 2], v[n - 1 - n / 10] };
}

void estimate_regime(const double *ratios, size_t n, double *mu, double *sigma)
{
	double weight = 0, sum = 0, square = 0, w = 1;

	for (size_t i = 0; i < n; i++) {
		if (isnan(ratios[i]))
			continue;
		double r = fmax(-ratio_most, fmin(ratio_most, ratios[i]));
		weight += w;
		sum += w * r;
		w *= forgetting;
	}
	*mu = sum / (weight + doubt);
	w = 1;
	for (size_t i = 0; i < n; i++) {
		if (isnan(ratios[i]))
			continue;
		double r = fmax(-ratio_most, fmin(ratio_most, ratios[i])) - *mu;
		square += w * r * r;
		w *= forgetting;
	}
	*sigma = sqrt((doubt * unsure * unsure + square) / (weight + doubt));
}

/* The blocks of one stratum lie together; where they begin, and how many. */
struct place {
	size_t from, n;
};

/* What one draw of its blocks says that a row takes, and the first touch of a page beside it. */
static void draw(const struct estimate_block *blocks, struct place at, uint64_t *seed, double *row,
		 double *first)
{
	double rows = 0, seconds = 0, first_rows = 0, firsts = 0;

	for (size_t i = 0; i < at.n; i++) {
		const struct estimate_block *b = &blocks[at.from + estimate_random(seed) % at.n];
		rows += b->rows;
		seconds += b->seconds;
		if (!isnan(b->first)) {
			first_rows += b->rows;
			firsts += b->first;
		}
	}
	*row = seconds / rows;
	*first = first_rows > 0 ? fmax(0, firsts / first_rows) : 0;
}

/* Seconds that each part takes by one draw, without its regime. */
static void replicate(const struct estimate_input *in, const struct estimate_block *blocks,
		      const struct place *at, uint64_t *seed, double part[ESTIMATE_PARTS])
{
	double known = normal(seed);

	memset(part, 0, ESTIMATE_PARTS * sizeof(*part));
	for (size_t h = 0; h < in->n_strata; h++) {
		const struct estimate_stratum *s = &in->strata[h];
		double row = s->prior * exp(s->prior_spread * known), first = 0;
		if (at[h].n > 0)
			draw(blocks, at[h], seed, &row, &first);
		double rows = some(s->rows);
		part[s->part] += some(rows * row + fmin(some(s->firsts), rows) * first);
	}
	for (size_t p = 0; p < in->n_parts; p++) {
		const struct estimate_part *of = &in->parts[p];
		part[p] = some(part[p] / fmax(1, of->workers) + some(of->fixed));
	}
}

/* Blocks by stratum; those of no stratum, without rows, or that no clock can have given are left
 * out.  at: for each stratum. */
static struct estimate_block *gather(const struct estimate_input *in, struct place *at)
{
	struct estimate_block *ret = xcalloc(in->n_blocks + 1, sizeof(*ret));
	size_t n = 0;

	for (size_t h = 0; h < in->n_strata; h++) {
		at[h] = (struct place){ .from = n };
		for (size_t i = 0; i < in->n_blocks; i++) {
			const struct estimate_block *b = &in->blocks[i];
			if (b->stratum == (int)h && b->rows > 0 && b->seconds >= 0 &&
			    isfinite(b->seconds))
				ret[n++] = *b;
		}
		at[h].n = n - at[h].from;
	}
	return ret;
}

/* Between the three it is a straight line; beyond them it goes on to half as far. */
static double draw_duty(const struct quantiles *duty, uint64_t *seed)
{
	double u = uniform(seed) * 2 - 1; /* -1 to 1: p10 at -0.8, p90 at 0.8 */
	double d = u < 0 ? duty->p50 + (duty->p50 - duty->p10) * u / 0.8
			 : duty->p50 + (duty->p90 - duty->p50) * u / 0.8;

	return fmin(1, fmax(0.02, d));
}

void estimate_make(const struct estimate_input *in, uint64_t seed, struct estimate_result *ret)
{
	struct place at[ESTIMATE_STRATA];
	double *values = xcalloc((ESTIMATE_PARTS + 2) * REPLICATES, sizeof(*values));
	double *full = values, *slow = values + REPLICATES, *parts = slow + REPLICATES;
	struct estimate_block *blocks = gather(in, at);

	*ret = (struct estimate_result){ 0 };
	for (int i = 0; i < REPLICATES; i++) {
		double part[ESTIMATE_PARTS], regime = normal(&seed);
		replicate(in, blocks, at, &seed, part);
		double duty = draw_duty(&in->duty, &seed);
		for (size_t p = 0; p < in->n_parts; p++) {
			ret->raw[p] += part[p] / REPLICATES;
			double times = exp(in->parts[p].mu + in->parts[p].sigma * regime);
			double fixed = fmin(some(in->parts[p].fixed), part[p]);
			parts[p * REPLICATES + (size_t)i] = some(times * part[p]);
			full[i] += some(times * part[p]);
			slow[i] += some(times * (fixed + (part[p] - fixed) / duty));
		}
		slow[i] += some(in->waits);
	}
	ret->full = estimate_quantiles(full, REPLICATES);
	ret->throttled = estimate_quantiles(slow, REPLICATES);
	for (size_t p = 0; p < in->n_parts; p++)
		ret->part[p] = estimate_quantiles(parts + p * REPLICATES, REPLICATES);
	free(blocks);
	free(values);
}
