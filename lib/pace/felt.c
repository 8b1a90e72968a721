/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histograms that forget.  Nothing here calls exp() or log(): their last bit is another on another
 * machine, and a trace must replay. */
#include "lib/pace/felt.h"
#include <math.h>

static const double enough_for_99 = 1000, enough_for_95 = 200;
static const double after_batch = 0.02, pause = 0.1; /* seconds: see pace.h */
static const double least_duty = 0.02, most_duty = 0.95;

/* 20 us at the lowest, 5 % apart. */
static size_t bucket(double seconds)
{
	double edge = 20e-6;
	size_t i = 0;

	for (; i + 1 < LATENCY_BUCKETS && seconds > edge; i++)
		edge *= 1.05;
	return i;
}

static double bucket_edge(size_t i)
{
	double edge = 20e-6;

	while (i-- > 0)
		edge *= 1.05;
	return edge;
}

static void latencies_add(struct latencies *l, double seconds)
{
	l->weight[bucket(seconds)] += 1;
	l->sum += 1;
	l->seconds += seconds;
}

static void latencies_fade(struct latencies *l, double dt, double half)
{
	double keep = 1 - dt * 0.693 / half;

	if (l->sum <= 0)
		return;
	if (l->sum < 1e-3)
		keep = 0;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		l->weight[i] *= keep;
	l->sum *= keep;
	l->seconds *= keep;
}

static double clamp(double x, double low, double high)
{
	return !(x > low) ? low : x > high ? high : x; /* NaN is low */
}

static double quantile(const struct latencies *l, double share)
{
	double seen = 0;

	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->weight[i];
		if (seen >= share * l->sum)
			return bucket_edge(i);
	}
	return bucket_edge(LATENCY_BUCKETS - 1);
}

static double beyond(const struct latencies *l, double limit)
{
	double more = 0;

	for (size_t i = bucket(limit) + 1; i < LATENCY_BUCKETS; i++)
		more += l->weight[i];
	return l->sum > 0 ? more / l->sum : 0;
}

void felt_fade(struct felt *f, double dt)
{
	latencies_fade(&f->met, dt, f->half_met);
	latencies_fade(&f->free, dt, f->half_free);
}

void felt_add(struct felt *f, double seconds, bool met)
{
	latencies_add(met ? &f->met : &f->free, seconds);
	if (f->limit > 0)
		f->alarm = fmax(0, f->alarm + (seconds > f->limit) - 2 * f->allowed);
}

void felt_limit(struct felt *f, double ratio, double floor)
{
	double share = f->free.sum >= enough_for_99   ? 0.99
		       : f->free.sum >= enough_for_95 ? 0.95
						      : 0.9;

	f->allowed = 1 - share;
	f->limit = 0;
	if (f->free.sum < f->enough_free)
		return;
	f->seen = quantile(&f->free, share);
	f->limit = fmax(f->seen * ratio, f->seen + floor);
}

/* Requests beyond the limit have just their share, when those that meet us and those that do not
 * stay as they are. */
double felt_duty(const struct felt *f, double loop, double batch)
{
	if (f->met.sum < f->enough_met || f->limit <= 0)
		return 1;
	double off = beyond(&f->free, f->limit), on = beyond(&f->met, f->limit);
	/* Few have met us yet: as many of them are held against us as are no chance. */
	on -= sqrt(on / f->met.sum);
	if (on <= f->allowed)
		return 1;
	double overlap = clamp((f->allowed - off) / (on - off), 0, 1);
	/* A burst between two pauses, and what of a request and its tail lies over its edges. */
	double rest = 1 - clamp(loop, least_duty, most_duty);
	double burst = fmax(batch, pause * loop / rest);
	double mean = f->free.seconds / f->free.sum + after_batch;
	return overlap / (1 + mean / fmax(burst, 1e-3));
}

double felt_seen(const struct felt *f)
{
	return f->met.sum > 0 ? quantile(&f->met, 1 - f->allowed) : 0;
}
