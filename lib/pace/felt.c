/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Histograms that forget.  Nothing here calls exp() or log(): their last bit is another on another
 * machine, and a trace must replay. */
#include "lib/pace/felt.h"
#include <math.h>
#include <string.h>

static const struct {
	double enough_met, enough_free; /* without which nothing is said */
	/* Seconds in which they lose half their weight: what others do without us changes, too. */
	double half_met, half_free;
	double floor; /* share of the profile's floor that the mean may be more, in any case */
} kinds[REQUEST_KINDS] = {
	/* One of ours is half of a user's request. */
	[REQUEST_SQL] = { 20, 40, 20, 40, 0.15 }, [REQUEST_STATUS] = { 6, 4, 60, 150, 1 },
	[REQUEST_CONTENT] = { 6, 4, 60, 150, 1 }, [REQUEST_LOGGED] = { 10, 8, 30, 100, 1 },
	[REQUEST_SESSIONS] = { 8, 6, 20, 40, 0 },
};
/* Of what others' sessions leave idle so much may be taken before who comes has to wait for one;
 * and of those that are taken, so much more: by as much longer do their requests take. */
static const double idle_sessions = 0.07, taken_sessions = 0.25;
static const double least_spread = 0.1;
/* A burst of theirs takes all sessions for some steps: that is no alarm yet. */
static const double burst = 0.2;

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
}

static double kept(const struct latencies *l, double dt, double half)
{
	double keep = 1 - dt * 0.693 / half;

	return l->sum < 1e-3 || keep < 0 ? 0 : keep;
}

static void latencies_fade(struct latencies *l, double keep)
{
	if (l->sum <= 0)
		return;
	for (size_t i = 0; i < LATENCY_BUCKETS; i++)
		l->weight[i] *= keep;
	l->sum *= keep;
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

struct moments {
	double mean, spread;
};

/* Longer ones count as most: of a few that take very long a mean says nothing. */
static struct moments moments(const struct latencies *l, double most)
{
	double edge = 20e-6, sum = 0, squares = 0;

	if (l->sum <= 0)
		return (struct moments){ 0, 0 };
	for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
		double x = fmin(edge, most);
		sum += l->weight[i] * x;
		squares += l->weight[i] * x * x;
		edge *= 1.05;
	}
	double mean = sum / l->sum;
	return (struct moments){ mean, sqrt(fmax(0, squares / l->sum - mean * mean)) };
}

static double top(const struct felt *f)
{
	return f->kind == REQUEST_SESSIONS ? 1 : f->limit;
}

void felt_start(struct felt *f, enum request kind)
{
	memset(f, 0, sizeof(*f));
	f->kind = kind;
}

void felt_fade(struct felt *f, double dt)
{
	double keep = kept(&f->met, dt, kinds[f->kind].half_met);

	latencies_fade(&f->met, keep);
	f->duty *= keep;
	latencies_fade(&f->free, kept(&f->free, dt, kinds[f->kind].half_free));
}

void felt_add_met(struct felt *f, double x, double duty)
{
	latencies_add(&f->met, x);
	f->duty += duty;
	if (f->limit <= 0)
		return;
	if (f->kind == REQUEST_SESSIONS)
		f->alarm += (x - f->limit) / fmax(2 * f->spread, least_spread) - burst;
	else
		f->alarm += (x > f->limit) - 2 * f->allowed;
	f->alarm = fmax(0, f->alarm);
}

void felt_add_free(struct felt *f, double x)
{
	latencies_add(&f->free, x);
}

void felt_limit(struct felt *f, double ratio, double floor)
{
	/* Two of those that were seen are beyond, so that it is not one chance. */
	double share = clamp(1 - 2 / fmax(f->free.sum, 1), 0.5, 0.99);

	f->allowed = 1 - share;
	f->limit = 0;
	if (f->free.sum < kinds[f->kind].enough_free)
		return;
	f->seen = quantile(&f->free, share);
	if (f->kind == REQUEST_SESSIONS) {
		struct moments m = moments(&f->free, 1);
		f->mean = m.mean;
		f->spread = m.spread;
		f->room = fmin(idle_sessions * (1 - f->mean), taken_sessions * f->mean);
		f->limit = f->mean + f->room;
		return;
	}
	f->limit = fmax(f->seen * ratio, f->seen + floor);
	struct moments m = moments(&f->free, f->limit);
	f->mean = m.mean;
	f->spread = m.spread;
	f->room = fmax((ratio - 1) * f->mean, floor * kinds[f->kind].floor);
}

/* excess: what there is more with us than without; at the mean duty of those that were met. */
static double fits(const struct felt *f, double room, double excess)
{
	double at = f->duty / f->met.sum;

	return excess > 0 ? at * fmax(room, 0.1 * excess) / excess : INFINITY;
}

bool felt_known(const struct felt *f)
{
	return f->met.sum >= kinds[f->kind].enough_met && f->limit > 0;
}

double felt_duty(const struct felt *f, double doubt)
{
	if (!felt_known(f))
		return INFINITY;
	struct moments with = moments(&f->met, top(f));
	double chance = doubt * sqrt(with.spread * with.spread / f->met.sum +
				     f->spread * f->spread / f->free.sum);
	double duty = fits(f, f->room, with.mean - f->mean - chance);
	if (f->kind == REQUEST_SESSIONS)
		return duty;
	double off = beyond(&f->free, f->limit), on = beyond(&f->met, f->limit);
	on -= fmax(0.5, doubt) * sqrt(on / f->met.sum);
	return fmin(duty, fits(f, f->allowed - off, on - off));
}

double felt_seen(const struct felt *f)
{
	return f->met.sum > 0 ? quantile(&f->met, 1 - f->allowed) : 0;
}
