/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long work will take, before it is done: from counts that are exact and costs that a sample
 * has shown.  Pure: no database, no clock; randomness is a number that the caller gives.
 *
 * Rows are in strata.  A block is some rows of one stratum that one worker of several at work did;
 * so what the workers cost each other is in its seconds.  Work has parts, one after the other, each
 * with what its strata take, what is the same for any number of rows, and a regime: by what factor
 * earlier runs took longer than was foretold.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { ESTIMATE_STRATA = 48, ESTIMATE_PARTS = 6 };

struct quantiles {
	double p10, p50, p90;
};

struct estimate_stratum {
	int part;
	double rows;
	double firsts; /* of its rows so many are the first that touch their page */
	/* Where no block tells: seconds of one worker for a row, and how well it is known (standard
	 * deviation of its logarithm). */
	double prior, prior_spread;
};
struct estimate_block {
	int stratum;
	double rows;
	double seconds; /* of its worker, when all pages had been touched before */
	double first;	/* how much longer when they had not; NaN: not known */
};
struct estimate_part {
	double fixed;	  /* seconds, however many rows; no throttle makes them more */
	double workers;	  /* at work at once, as in the blocks */
	double mu, sigma; /* its regime: of log(actual / foretold) */
};
struct estimate_input {
	const struct estimate_stratum *strata;
	const struct estimate_block *blocks;
	const struct estimate_part *parts;
	size_t n_strata, n_blocks, n_parts;
	struct quantiles duty; /* share of time in which the throttle lets it work */
	double waits;	       /* seconds that it waits beside its work while it is throttled */
};
struct estimate_result {
	struct quantiles full;		       /* seconds at full speed */
	struct quantiles throttled;	       /* with that duty and those waits */
	struct quantiles part[ESTIMATE_PARTS]; /* at full speed */
	double raw[ESTIMATE_PARTS]; /* foretold without the regime: what it is held against */
};

/* seed: of the bootstrap over blocks. */
void estimate_make(const struct estimate_input *in, uint64_t seed, struct estimate_result *ret);

/* What earlier runs say: log(actual / foretold) of each, the newest first; none: mu is 0. */
void estimate_regime(const double *ratios, size_t n, double *mu, double *sigma);
/* The 10th, 50th and 90th percentile of values, which are sorted; NaN for none. */
struct quantiles estimate_quantiles(double *values, size_t n);

/* A number of 64 random bits and the next seed; splitmix64. */
uint64_t estimate_random(uint64_t *seed);
