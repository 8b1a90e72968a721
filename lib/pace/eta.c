/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the work costs is learned by cost.c; pace over three whiles at once, of which the short one
 * foretells the next seconds and the long one what is far.  The interval comes from how much blocks
 * of time differed from each other: neighbouring samples are alike, so single ones would promise
 * too much.
 */
#include "lib/pace/cost.h"
#include <math.h>
#include <string.h>

static const double guess_weight = 30; /* units until which little is taken over from a part */
/* Of a guess that was measured on this machine: by how much parts of it are wrong each in its own
 * way.  What is doubted more than that is wrong because the machine is another. */
static const double steady_doubt = 0.3;
/* Of the ratio of two parts on an ordinary machine: how well others keep it.  Of ten recorded runs
 * from memory a row of detach took 0.6 to 0.9 times what one of fill did, where usually it is 0.63.
 */
static const double ratio_kept = 0.3;
/* Seconds over which each pace is a mean, and until when it is taken to hold. */
static const double whiles[ETA_PACES] = { 4, 60, 900 };
static const double holds[ETA_PACES] = { 5, 60, INFINITY };
/* Seconds of pace that the first guess stands for. */
static const double guessed_for[ETA_PACES] = { 2, 10, 30 };
static const double longest = 1e9; /* seconds: thirty years are as good as any more */
static const double most_units = 1e15, most_times = 1e6;
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
/* How long nobody slows it, and somebody does, before any of it is seen: as if one such stay had
 * been.  So while the first lasts it is thought to last as long again. */
static const double stays_for[2] = { 120, 5 };
static const double slowed_pace = 0.3; /* of its own speed, until it is seen */
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
		for (int slowed = 0; slowed < 2; slowed++) {
			struct eta_mood *m = &e->mood[slowed];
			m->weight[i] = guessed_for[i] / whiles[i];
			m->pace[i] = fmax(some(pace) * (slowed ? slowed_pace : 1), 1e-3);
		}
	}
}

static int add(struct eta *e, struct eta_part part)
{
	int i = e->parts < ETA_PARTS ? e->parts++ : ETA_PARTS - 1;

	e->part[i] = part;
	return i;
}

int eta_add(struct eta *e, double units, struct eta_guess guess, struct eta_firsts firsts)
{
	guess.each = clamp(guess.each, 1e-9, longest);
	guess.doubt = some(guess.doubt);
	guess.usual = fmin(some(guess.usual), longest);
	units = fmin(some(units), most_units);
	firsts.times = fmin(some(firsts.times), most_times);
	firsts.n = fmin(some(firsts.n), units);
	return add(e, (struct eta_part){
			      .total = units, .left = units, .guess = guess, .firsts = firsts });
}

int eta_add_aside(struct eta *e, double seconds, double doubt)
{
	return add(e, (struct eta_part){ .total = 1,
					 .left = 1,
					 .guess = { .each = some(seconds), .doubt = some(doubt) },
					 .aside = true });
}

void eta_count(struct eta *e, int part, double total, double left)
{
	struct eta_part *p = &e->part[part];

	p->left = fmin(some(left), most_units);
	p->total = clamp(total, p->left, most_units);
}

void eta_count_firsts(struct eta *e, int part, double left)
{
	e->part[part].firsts.n = fmin(some(left), most_units);
}

struct eta_guess eta_alike(struct eta_guess guess, double slower, double trust)
{
	double doubt = guess.doubt * guess.doubt,
	       share = trust * doubt / (doubt + ratio_kept * ratio_kept);

	guess.each = pow(guess.each, 1 - share) * pow(guess.usual * slower, share);
	guess.doubt *= sqrt(1 - share);
	return guess;
}

/* A machine that is slower than was thought at the other parts is so at this, the more so the less
 * their guess is known to fit it. */
static double guess_of(const struct eta *e, const struct eta_part *p)
{
	double spent = 0, waited = 0, thought = 0, usual = 0, seen = 0;
	double doubt = pow(p->guess.doubt, 4);

	for (int i = 0; i < e->parts; i++) {
		if (p == &e->part[i])
			continue;
		spent += e->part[i].spent;
		waited += e->part[i].waited;
		thought += e->part[i].ever * e->part[i].guess.each;
		usual += e->part[i].ever * e->part[i].guess.usual;
		seen += e->part[i].ever;
	}
	if (spent <= 0 || thought <= 0 || doubt <= 0)
		return p->guess.each;
	/* A row or two say how long a transaction takes, and not what rows cost. */
	double many = seen / (seen + guess_weight);
	/* While some wait for files the others have the processors to themselves: what rows take
	 * beside their waiting says the less, the more they waited. */
	if (!p->guess.reads && p->guess.usual > 0 && usual > 0 && spent > waited)
		return eta_alike(p->guess, (spent - waited) / usual, many * (1 - waited / spent))
			.each;
	double trust = doubt / (doubt + pow(steady_doubt, 4)) * many;
	/* How much of a guess is waiting for files is not known: who reads none is slower by what
	 * is seen without it, and quicker by what is seen with it. */
	double most = spent / thought, least = p->guess.reads ? most : (spent - waited) / thought;
	double slower = pow(least > 1 ? least : fmin(most, 1), trust);
	/* What is no row's work is not quicker because rows are. */
	return p->guess.each * (p->aside ? pow(fmax(slower, 1), aside_share) : slower);
}

double eta_cost(const struct eta *e, int part)
{
	return cost_of(&e->part[part], guess_of(e, &e->part[part])).of[COST_EACH];
}

static double seconds_of(const struct eta *e, int part)
{
	const struct eta_part *p = &e->part[part];

	if (p->aside)
		return clamp(p->left * guess_of(e, p), 0, longest);
	struct cost c = cost_of(p, guess_of(e, p));
	return clamp(cost_with(p, &c, p->left, fmin(p->firsts.n, p->left)), 0, longest);
}

static void learn_pace(struct eta *e, double seconds, double busy)
{
	struct eta_mood *m = &e->mood[e->slowed];

	m->stays += m->stays == 0 || e->was != e->slowed;
	m->seconds += seconds;
	e->was = e->slowed;
	for (int i = 0; i < ETA_PACES; i++) {
		double fade = exp(-seconds / whiles[i]), now = 1 - fade;
		double weight = m->weight[i] * fade + now;
		m->pace[i] += (busy / seconds - m->pace[i]) * now / weight;
		m->weight[i] = weight;
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
	double seconds = some(s->seconds), units = fmin(some(s->units), most_units),
	       own = fmin(some(s->own), most_units);
	double others = own > 0 ? fmax(units / own, 1) : 1; /* times what we did, all did */
	double firsts = fmin(others * some(s->firsts), units);
	double guess = guess_of(e, p), busy = fmin(some(s->busy), longest);
	double beginning = cost_of_beginning(p, guess, s);
	double ordinary = cost_learn(p, guess, s, beginning);
	/* By what is known after it: where the guess was far off, a first block by the guess would
	 * look as if it had stood still. */
	struct cost c = cost_of(p, guess);
	double model = cost_with(p, &c, units, firsts);

	busy -= beginning;
	if (ordinary > 0) {
		p->ever += own;
		p->spent += busy * ordinary;
		p->waited += fmin(some(s->waited), busy) * ordinary;
	}
	p->firsts.n = some(p->firsts.n - firsts);
	p->firsts_done = fmin(p->firsts_done + firsts, most_units);
	if (seconds <= 0)
		return;
	/* Others' batches are not timed here: they are taken to cost what ours do. */
	double work = s->work > 0 ? some(s->work) : some(s->busy);
	learn_pace(e, seconds, own > 0 || work > 0 ? work * others : model);
	fill_block(e, seconds, model);
}

/* Seconds for which the mood of now is thought to last yet: stays end by chance, so how long one
 * has lasted says no more than the others do. */
static double stay(const struct eta *e)
{
	const struct eta_mood *m = &e->mood[e->slowed];
	int ended = m->stays - (m->stays > 0 && e->was == e->slowed);

	return (stays_for[e->slowed] + m->seconds) / (1 + ended);
}

/* Of both moods, as much of each as was. */
static double mean_pace(const struct eta *e)
{
	const struct eta_mood *own = &e->mood[0], *slowed = &e->mood[1];
	double n = own->seconds + guessed_for[ETA_PACES - 1], all = n + slowed->seconds;

	return (n * own->pace[ETA_PACES - 1] + slowed->seconds * slowed->pace[ETA_PACES - 1]) / all;
}

/* Seconds in which so much cost is done: while the mood of now lasts soon as of late, later as in
 * the mean of it, and after it as in the mean of both. */
static double seconds_for(const struct eta *e, double cost)
{
	const struct eta_mood *m = &e->mood[e->slowed];
	double from = 0, lasts = stay(e);

	for (int i = 0; i < ETA_PACES && from < lasts; i++) {
		double pace = fmax(m->pace[i], 1e-4), until = fmin(holds[i], lasts);
		if (cost <= pace * (until - from))
			return from + cost / pace;
		cost -= pace * (until - from);
		from = until;
	}
	return from + cost / fmax(mean_pace(e), 1e-4);
}

/* Variance of the logarithm of a pace that comes from others who come, or go: who slows it may be
 * gone at any time, and while nobody does somebody comes by chance. */
static double mood_variance(const struct eta *e, double seconds)
{
	double change = e->slowed ? 1 : 1 - exp(-seconds / stay(e));

	return e->moods ? change * mood_doubt * mood_doubt / (1 + seconds / mood_lasts) : 0;
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
	/* With few blocks seen nobody knows how much they differ. */
	return relative * (1 / coming + 1 / n) + pace_doubt * pace_doubt / (n * n) +
	       mood_variance(e, seconds);
}

static double doubt_of(const struct eta *e, const struct eta_part *p)
{
	struct cost c = cost_of(p, guess_of(e, p));

	return p->aside ? p->guess.doubt * p->guess.doubt : cost_doubt(p, &c);
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
		variance +=
			share * share * doubt_of(e, p) * (any_seen ? ratio_doubt * ratio_doubt : 1);
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
		double more = seconds_of(e, i);
		struct cost c = cost_of(p, guess_of(e, p));
		left += more;
		struct eta_part done = *p;
		done.firsts_done = 0;
		done.firsts.n += p->firsts_done;
		all += more + (p->aside ? (p->total - p->left) * guess_of(e, p)
					: cost_with(&done, &c, p->total - p->left, p->firsts_done));
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
