/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rate of the last seconds says when it ends; the spread of the rates between samples says how
 * sure that is.  A lifetime mean would be slow to notice a change, a one-second rate is noise.
 */
#include "lib/pace/progress.h"
#include <math.h>

static const double step = 0.25; /* seconds between samples that are kept */

void progress_start(struct progress *p, double now, int64_t done)
{
	*p = (struct progress){ .started = now, .first = done };
	p->slot[0].at = now;
	p->slot[0].done = done;
	p->n = 1;
}

void progress_sample(struct progress *p, double now, int64_t done)
{
	if (p->n > 0 && now - p->slot[(p->n - 1) % PROGRESS_SLOTS].at < step)
		return;
	p->slot[p->n % PROGRESS_SLOTS].at = now;
	p->slot[p->n % PROGRESS_SLOTS].done = done;
	p->n++;
}

/* Relative standard deviation of the rates between neighbouring samples, 0.05 to 1. */
static double spread(const struct progress *p)
{
	unsigned kept = p->n < PROGRESS_SLOTS ? p->n : PROGRESS_SLOTS;
	double sum = 0, squares = 0;
	unsigned m = 0;

	for (unsigned i = p->n - kept + 1; i < p->n; i++) {
		unsigned a = (i - 1) % PROGRESS_SLOTS, b = i % PROGRESS_SLOTS;
		double dt = p->slot[b].at - p->slot[a].at;
		if (dt <= 0)
			continue;
		double rate = (double)(p->slot[b].done - p->slot[a].done) / dt;
		sum += rate;
		squares += rate * rate;
		m++;
	}
	if (m < 2 || sum <= 0)
		return 1.0;
	double mean = sum / m;
	double deviation = sqrt(fmax(0.0, squares / m - mean * mean)) / mean / sqrt((double)m);
	return fmin(1.0, fmax(0.05, deviation));
}

struct eta progress_eta(const struct progress *p, double now, int64_t done, int64_t total)
{
	struct eta e = { NAN, NAN, NAN, NAN };
	unsigned oldest = p->n > PROGRESS_SLOTS ? p->n % PROGRESS_SLOTS : 0;

	if (p->n == 0)
		return e;
	double dt = now - p->slot[oldest].at;
	int64_t rows = done - p->slot[oldest].done;
	int64_t left = total > done ? total - done : 0;
	if (dt <= 0 || rows <= 0) {
		if (left == 0)
			e.p10 = e.p50 = e.p90 = 0;
		return e;
	}
	double s = 1.2816 * spread(p); /* the 90 % point of the normal distribution */
	e.rate = (double)rows / dt;
	e.p50 = (double)left / e.rate;
	e.p10 = e.p50 / (1.0 + s);
	e.p90 = s < 0.9 ? e.p50 / (1.0 - s) : e.p50 * 10;
	return e;
}
