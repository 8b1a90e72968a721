/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cost is learned batch by batch and forgotten by and by; pace over three whiles at once, of which
 * the short one foretells the next seconds and the long one what is far.  The interval comes from
 * how much blocks of time differed from each other: neighbouring samples are alike, so single ones
 * would promise too much.
 */
#include "lib/pace/eta.h"
#include <math.h>
#include <string.h>

static const double half_batches = 20; /* after so many a batch weighs half */
static const double guess_weight = 30; /* units: what a good guess weighs against what was seen */
/* Of a guess that was measured on this machine: by how much another load makes it wrong. */
static const double steady_doubt = 0.15;
/* Seconds over which each pace is a mean, and until when it is taken to hold. */
static const double whiles[ETA_PACES] = { 4, 60, 900 };
static const double holds[ETA_PACES] = { 5, 60, INFINITY };
/* Seconds of pace that the first guess stands for. */
static const double guessed_for[ETA_PACES] = { 2, 10, 30 };
static const double early_share = 0.04; /* of a part: in it the surcharge falls to 1/e */
static const double cold_doubt = 0.5;	/* of the logarithm of what the first cost */
/* How often what was foretold of the first it may be; units that this weighs; of whom they say it.
 */
static const double most_dear = 10, first_weight = 100, least_first = 0.2;
static const double longest = 1e9; /* seconds: thirty years are as good as any more */
static const double first_span = 0.5;
/* Once a part is seen the others' guesses are only wrong in their ratio to it. */
static const double ratio_doubt = 0.5;
/* How much of how slow the rows were, as a power, is taken over to what is no row's work: the load
 * behind it may have gone by then, and what was read from disk is in memory. */
static const double aside_share = 2.0 / 3;
static const double least_doubt = 0.03; /* nothing is surer than that */
static const double pace_doubt = 0.5;	/* until blocks tell */
/* Others that come or go change the pace by so much, for so many seconds in the mean. */
static const double mood_doubt = 0.5, mood_lasts = 120;
static const double most_doubt = 1.2;
static const double tenth = 1.2816; /* standard deviations to P10 and P90 */
static const double worth_showing = 0.05;

static double clamp(double x, double least, double most)
{
	return x > least ? (x < most ? x : most) : least; /* NaN: least */
}

/* What is no number, or below 0, is nothing. */
static double some(double x)
{
	return isfinite(x) && x > 0 ? x : 0;
}

void eta_start(struct eta *e, double pace)
{
	memset(e, 0, sizeof(*e));
	e->span = first_span;
	e->state = (unsigned)-1;
	for (int i = 0; i < ETA_PACES; i++) {
		e->weight[i] = guessed_for[i] / whiles[i];
		e->pace[i] = fmax(some(pace), 1e-3);
	}
}

static int add(struct eta *e, struct eta_part part)
{
	int i = e->parts < ETA_PARTS ? e->parts++ : ETA_PARTS - 1;

	e->part[i] = part;
	return i;
}

int eta_add(struct eta *e, double units, struct eta_guess guess, double early)
{
	guess.each = fmax(some(guess.each), 1e-9);
	guess.doubt = some(guess.doubt);
	return add(e, (struct eta_part){ .total = some(units),
					 .left = some(units),
					 .guess = guess,
					 .early = some(early) });
}

int eta_add_aside(struct eta *e, double seconds, double doubt)
{
	return add(e, (struct eta_part){ .total = 1,
					 .left = 1,
					 .guess = { some(seconds), some(doubt) },
					 .aside = true });
}

void eta_count(struct eta *e, int part, double total, double left)
{
	e->part[part].total = fmax(some(total), some(left));
	e->part[part].left = some(left);
}

/* How much the units from the shares a to b of a part are first ones: 1 at its beginning. */
static double firstness(double a, double b)
{
	double x = clamp(a, 0, 1) / early_share, y = clamp(b, 0, 1) / early_share;

	return y - x < 1e-6 ? exp(-x) : (exp(-x) - exp(-y)) / (y - x);
}

/* How many times more the very first cost, as far as some were seen: pages that are written for the
 * first time since a checkpoint go into the WAL whole, and what is cold is read from disk. */
static double early_of(const struct eta_part *p)
{
	return p->early * (first_weight + p->dear) / (first_weight + p->first);
}

/* The surcharge of the first units. Mean over the shares from a to b of the part. */
static double surcharge(const struct eta_part *p, double a, double b)
{
	return 1 + early_of(p) * firstness(a, b);
}

static double share_done(const struct eta_part *p)
{
	return p->total > 0 ? clamp(1 - p->left / p->total, 0, 1) : 1;
}

/* Units that a guess weighs against what was seen. */
static double weight_of(const struct eta_part *p)
{
	return clamp(0.7 / (p->guess.doubt * p->guess.doubt), 1, guess_weight);
}

/* A machine that is slower than was thought at one part is so at the others, the more so the less
 * their guess is known to fit it. */
static double guess_of(const struct eta *e, const struct eta_part *p)
{
	double spent = 0, thought = 0, seen = 0, doubt = p->guess.doubt * p->guess.doubt;

	for (int i = 0; i < e->parts; i++) {
		spent += e->part[i].spent;
		thought += e->part[i].ever * e->part[i].guess.each;
		seen += e->part[i].ever;
	}
	if (spent <= 0 || thought <= 0 || doubt <= 0)
		return p->guess.each;
	/* A row or two say how long a transaction takes, and not what rows cost. */
	double trust = doubt / (doubt + steady_doubt * steady_doubt) * seen / (seen + guess_weight);
	double slower = pow(spent / thought, trust);
	/* What is no row's work is not quicker because rows are. */
	return p->guess.each * (p->aside ? pow(fmax(slower, 1), aside_share) : slower);
}

double eta_cost(const struct eta *e, int part)
{
	const struct eta_part *p = &e->part[part];
	double weight = weight_of(p), guess = guess_of(e, p);
	double seen = (p->t + weight * guess) / (p->n + weight);
	/* How many times more the first ones cost is a guess as well: as long as little else was
	 * seen they all may mislead, and alike. */
	double most = p->early / (1 + p->early), first = most * most * early_share * p->total;
	double trust = first > 0 ? p->ever / (p->ever + first) : 1;

	/* But by no more than that. */
	return clamp(fmax(trust * seen + (1 - trust) * guess, seen / (1 + early_of(p))), 0,
		     longest);
}

static double seconds_of(const struct eta *e, int part)
{
	const struct eta_part *p = &e->part[part];

	double each =
		p->aside ? guess_of(e, p) : eta_cost(e, part) * surcharge(p, share_done(p), 1);
	return clamp(p->left * clamp(each, 0, longest), 0, longest);
}

/*
 * First ones that are dearer than was thought: either all are, or only they, since it is cold. Each
 * takes the blame as far as it is known less.
 */
static void learn_first(struct eta_part *p, double each, double took, double own, double f)
{
	double thought = 1 + p->early * f, times = took / fmax(each, 1e-12);
	double cold = cold_doubt * p->early / (1 + p->early), rest = p->guess.doubt;
	double blame = cold * cold / fmax(cold * cold + rest * rest, 1e-12);

	if (p->early <= 0 || f < least_first || times < thought)
		return;
	times = thought * pow(times / thought, blame);
	p->first += own * f;
	p->dear += own * f * clamp((times - 1) / (p->early * f), 1, most_dear);
}

static void learn_cost(const struct eta *e, struct eta_part *p, const struct eta_step *s)
{
	double own = some(s->own), busy = some(s->busy);
	double done = share_done(p), before = done - some(s->units) / fmax(p->total, 1);

	if (own <= 0 || busy <= 0)
		return;
	learn_first(p, eta_cost(e, s->part), busy / own, own, firstness(before, done));
	double fade = exp2(-some(s->batches) / half_batches);
	/* What the first ones cost more is known least: they say the less of the others. */
	double more = surcharge(p, before, done), weight = own / (more * more);
	double took = busy / own / more;
	p->n = p->n * fade + weight;
	p->t = p->t * fade + weight * took;
	p->ever += weight;
	p->spent += weight * took;
}

static void learn_pace(struct eta *e, double seconds, double busy)
{
	for (int i = 0; i < ETA_PACES; i++) {
		double fade = exp(-seconds / whiles[i]), now = 1 - fade;
		double weight = e->weight[i] * fade + now;
		e->pace[i] += (busy / seconds - e->pace[i]) * now / weight;
		e->weight[i] = weight;
	}
}

static void merge_blocks(struct eta *e)
{
	for (int i = 0; i < ETA_BLOCKS / 2; i++) {
		e->block[i].seconds = e->block[2 * i].seconds + e->block[2 * i + 1].seconds;
		e->block[i].done = e->block[2 * i].done + e->block[2 * i + 1].done;
	}
	memset(&e->block[ETA_BLOCKS / 2], 0, sizeof(e->block) / 2);
	e->blocks = ETA_BLOCKS / 2;
	e->span *= 2;
}

static void fill_block(struct eta *e, double seconds, double done)
{
	if (e->blocks == 0 || e->block[e->blocks - 1].seconds >= e->span) {
		if (e->blocks == ETA_BLOCKS)
			merge_blocks(e);
		e->blocks++;
	}
	e->block[e->blocks - 1].seconds += seconds;
	e->block[e->blocks - 1].done += done;
}

void eta_pass(struct eta *e, const struct eta_step *s)
{
	struct eta_part *p = &e->part[s->part];
	double seconds = some(s->seconds), units = some(s->units), own = some(s->own);
	double done = share_done(p), before = done - units / fmax(p->total, 1);
	double model = units * eta_cost(e, s->part) * surcharge(p, before, done);

	learn_cost(e, p, s);
	if (seconds <= 0)
		return;
	/* Others' batches are not timed here: they are taken to cost what ours do. */
	learn_pace(e, seconds, own > 0 ? some(s->busy) * fmax(units / own, 1) : model);
	fill_block(e, seconds, model);
}

double eta_pace(const struct eta *e)
{
	return fmax(e->pace[0], 1e-4);
}

/* Seconds in which so much cost is done: soon as of late, later as in the mean. */
static double seconds_for(const struct eta *e, double cost)
{
	double from = 0;

	for (int i = 0; i < ETA_PACES; i++) {
		double pace = fmax(e->pace[i], 1e-4), span = holds[i] - from;
		if (cost <= pace * span)
			return from + cost / pace;
		cost -= pace * span;
		from = holds[i];
	}
	return from;
}

/*
 * Variance of the logarithm of what the coming seconds achieve: of the mean of blocks yet to come,
 * and of the mean of those seen, each made larger by how alike neighbours are.
 */
static double pace_variance(const struct eta *e, double seconds)
{
	double sum = 0, squares = 0, together = 0, n = 0, last = 0;

	for (int i = 0; i < e->blocks; i++) {
		if (e->block[i].seconds < 0.5 * e->span)
			continue;
		double x = e->block[i].done / e->block[i].seconds;
		sum += x;
		squares += x * x;
		together += n > 0 ? x * last : 0;
		last = x;
		n++;
	}
	if (n < 3 || sum <= 0)
		return pace_doubt * pace_doubt;
	double mean = sum / n, variance = fmax(0, squares / n - mean * mean);
	double alike =
		variance > 0 ? clamp((together / (n - 1) - mean * mean) / variance, 0, 0.9) : 0;
	double relative = variance / (mean * mean) * (1 + alike) / (1 - alike);
	double coming = fmax(1, seconds / e->span);
	double moods = e->moods ? mood_doubt * mood_doubt / (1 + seconds / mood_lasts) : 0;
	/* With few blocks seen nobody knows how much they differ. */
	return relative * (1 / coming + 1 / n) + pace_doubt * pace_doubt / (n * n) + moods;
}

struct eta_range eta_left(const struct eta *e, int parts)
{
	double cost = 0, aside = 0, variance = 0, seconds;

	for (int i = 0; i < parts; i++)
		*(e->part[i].aside ? &aside : &cost) += seconds_of(e, i);
	seconds = seconds_for(e, cost);
	seconds = fmin(seconds, longest);
	double all = seconds + fmin(aside, longest);
	if (!(all > 0))
		return (struct eta_range){ 0, 0, 0 };
	double pace = cost > 0 && isfinite(cost) ? seconds / cost : 0;
	bool any_seen = e->blocks > 0;
	for (int i = 0; i < parts; i++) {
		const struct eta_part *p = &e->part[i];
		double share = fmin(1, seconds_of(e, i) * (p->aside ? 1 : pace) / all);
		double weight = weight_of(p);
		double doubt =
			p->guess.doubt * weight / (p->ever + weight) * (any_seen ? ratio_doubt : 1);
		/* How much the first cost more is known least. */
		double first = 1 - 1 / surcharge(p, share_done(p), share_done(p));
		variance += share * share * (doubt * doubt + 0.25 * first * first);
	}
	double worked = seconds / all;
	variance += worked * worked * pace_variance(e, seconds) + least_doubt * least_doubt;
	double spread = exp(tenth * sqrt(fmin(variance, most_doubt * most_doubt)));
	return (struct eta_range){ all / spread, all, all * spread };
}

double eta_share(const struct eta *e, int parts)
{
	double left = 0, all = 0;

	for (int i = 0; i < parts; i++) {
		const struct eta_part *p = &e->part[i];
		left += seconds_of(e, i);
		all += p->total * (p->aside ? guess_of(e, p) : eta_cost(e, i) * surcharge(p, 0, 1));
	}
	return all > 0 ? clamp(1 - left / all, 0, 1) : 1;
}

struct eta_range eta_show(struct eta *e, struct eta_range now, double at, unsigned state)
{
	double gone = clamp(at - e->at, 0, 3600);
	struct eta_range old = { e->shown.p10 - gone, e->shown.p50 - gone, e->shown.p90 - gone };

	bool keep = state == e->state && old.p10 > 0 &&
		    fabs(now.p50 - old.p50) <= worth_showing * old.p50 &&
		    fabs(now.p10 - old.p10) <= 2 * worth_showing * old.p10 &&
		    fabs(now.p90 - old.p90) <= 2 * worth_showing * old.p90;
	e->shown = keep ? old : now;
	e->state = state;
	e->at = at;
	return e->shown;
}
