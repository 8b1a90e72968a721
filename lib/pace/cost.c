/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches whose rows are all first ones tell little of a row: so a part's three costs are learned
 * together, each from where it was thought to be. */
#include "lib/pace/cost.h"
#include <math.h>
#include <string.h>

static const double half_batches = 60; /* after so many a batch weighs half */
/* Of a batch's seconds: by how much, as a share, one differs from another. */
static const double batch_noise = 0.5;
/*
 * A part's first batches also pay for what sessions and the server do not have at hand yet.  Of 49
 * recorded fills 26 took more in the first half second than was thought, by 0.05 to 0.45 busy
 * seconds, and of that 97 % in the median did not come again.  So of what a beginning takes more,
 * so large a share is its own, up to so many seconds.
 */
static const double beginning_most = 0.5, beginning_share = 0.9;
/* More than so many times what was thought, it says something of a lock or a halt. */
static const double most_strange = 3;
/* Of what a first one costs beside: from a cold disk the early ones cost ten times what they do
 * from memory. */
static const double late_doubt = 0.7, early_doubt = 2;
/*
 * The first of them also touch pages of indexes for the first time, and those from a cold disk come
 * from there: recorded tenths cost 14, 9, 3.5, 4.6, 2.9, 3.0 ... times a row, cold ones 27, 17,
 * 6.7, 4.9, 3.3, 2.8 ...  So each of them costs something beside its row, such a share of what is
 * thought, and an early one something that fades exponentially over such a share of their number:
 * of thirteen runs the very first cost 5 to 35 times a row, the last ones 1 to 3.
 */
static const double late_share = 0.45, early_share = 0.24;
static const double least_guess_doubt = 0.02, most_guess_doubt = 5;
enum { settled = 6 }; /* rounds until the regression's doubt fits what it says */
/* Batches after which what was seen is believed however far it is from the guess. */
static const double telling = 3;
static const double out_of_reach = 100;	   /* times the guess */
static const double least_of_guess = 0.05; /* less than that no unit costs */
static const double longest = 1e9, most_units = 1e15;

static double clamp(double x, double least, double most)
{
	return x > least ? (x < most ? x : most) : least; /* NaN: least */
}

/* What is no number, or below 0, is nothing. */
static double some(double x)
{
	return isfinite(x) && x > 0 ? x : 0;
}

/* Early ones, as many as if each was the very first, in first ones that come when this share of all
 * is done. */
static double early_until(double share)
{
	return early_share * (1 - exp(-share / early_share));
}

/* The same in the next n of a part. */
static double early_of(const struct eta_part *p, double n)
{
	double all = p->firsts_done + fmax(p->firsts.n, n);

	return all > 0 ? all * (early_until((p->firsts_done + n) / all) -
				early_until(p->firsts_done / all))
		       : 0;
}

/* Times what a unit costs, as is thought. */
static void thought_of(const struct eta_part *p, double times[ETA_COSTS])
{
	times[COST_EACH] = 1;
	times[COST_LATE] = late_share * p->firsts.times;
	times[COST_EARLY] = (1 - late_share) * p->firsts.times / early_until(1);
}

/* By elimination: m is symmetric, with doubts on its diagonal, so that it has a solution. */
static void solve(double m[ETA_COSTS][ETA_COSTS + 1], double ret[ETA_COSTS])
{
	for (int k = 0; k < ETA_COSTS; k++)
		for (int i = k + 1; i < ETA_COSTS; i++) {
			double share = m[i][k] / m[k][k];
			for (int j = k; j <= ETA_COSTS; j++)
				m[i][j] -= share * m[k][j];
		}
	for (int k = ETA_COSTS; k-- > 0;) {
		double rest = m[k][ETA_COSTS];
		for (int j = k + 1; j < ETA_COSTS; j++)
			rest -= m[k][j] * ret[j];
		ret[k] = rest / m[k][k];
	}
}

/* The regression, in guessed costs: numbers near 1.  d: standard deviations of the guess; a slow
 * machine is slow at all of them, beyond it the first are known less.  Those that are not free cost
 * nothing. */
static void regress(const struct eta_part *p, double guess, const double d[ETA_COSTS],
		    const bool free[ETA_COSTS], struct cost *ret)
{
	double times[ETA_COSTS], m[ETA_COSTS][ETA_COSTS + 1] = { { 0 } };

	thought_of(p, times);
	for (int i = 0; i < ETA_COSTS; i++) {
		double known = 1 / (d[i] * d[i]), t = times[i];
		ret->guessed[i] = known / (known + p->seen.xx[i][i] * guess * guess * t * t);
		if (!free[i]) {
			m[i][i] = 1;
			continue;
		}
		for (int j = 0; j < ETA_COSTS; j++)
			m[i][j] += free[j] ? p->seen.xx[i][j] * guess * guess : 0;
		m[i][ETA_COSTS] += p->seen.xs[i] * guess;
		m[i][i] += known / (t * t);
		if (i == COST_EACH) {
			m[i][ETA_COSTS] += known;
			continue;
		}
		m[COST_EACH][COST_EACH] += known;
		m[COST_EACH][i] -= known / t;
		m[i][COST_EACH] -= known / t;
	}
	solve(m, ret->of);
}

struct cost cost_of(const struct eta_part *p, double guess)
{
	double times[ETA_COSTS];
	double doubt = clamp(p->guess.doubt, least_guess_doubt, most_guess_doubt);
	const double doubts[ETA_COSTS] = { doubt, late_doubt, early_doubt };
	struct cost c = { .guessed = { 1, 1, 1 } };

	guess = clamp(guess, 1e-9, longest);
	thought_of(p, times);
	memcpy(c.of, times, sizeof(times));
	/* From the guess the rounds never come to what is a thousand times as dear. */
	const double units = p->seen.xx[COST_EACH][COST_EACH];
	double dearer = units > 0 ? p->seen.xs[COST_EACH] / (units * guess) : 0;
	if (p->seen.batches >= telling && dearer > out_of_reach)
		c.of[COST_EACH] = dearer;
	/* How wrong a guess may be is a ratio: what is ten times as dear is so by ten times more.
	 * Below nothing is none of them. */
	bool free[ETA_COSTS] = { true, times[COST_LATE] > 0, times[COST_EARLY] > 0 };
	for (int round = 0; round < settled; round++) {
		double d[ETA_COSTS];
		for (int i = 0; i < ETA_COSTS; i++)
			d[i] = doubts[i] * (free[i] ? fmax(c.of[i] / times[i], 1) : 1);
		regress(p, guess, d, free, &c);
		for (int i = COST_LATE; i < ETA_COSTS; i++)
			free[i] &= c.of[i] > 0;
		c.of[COST_EACH] = fmax(c.of[COST_EACH], least_of_guess);
	}
	for (int i = 0; i < ETA_COSTS; i++)
		c.of[i] = clamp(c.of[i] * guess, 0, longest);
	return c;
}

static double of_all(const struct cost *c, const double n[ETA_COSTS])
{
	double sum = 0;

	for (int i = 0; i < ETA_COSTS; i++)
		sum += n[i] * c->of[i];
	return sum;
}

double cost_with(const struct eta_part *p, const struct cost *c, double units, double firsts)
{
	return of_all(c, (const double[ETA_COSTS]){ units, firsts, early_of(p, firsts) });
}

/* What a step did of our own. */
static void done_in(const struct eta_part *p, const struct eta_step *s, double x[ETA_COSTS])
{
	double own = fmin(some(s->own), most_units), firsts = fmin(some(s->firsts), own);
	double others = own > 0 ? fmax(some(s->units) / own, 1) : 1;

	x[COST_EACH] = own;
	x[COST_LATE] = firsts;
	x[COST_EARLY] = early_of(p, others * firsts) / others; /* others' lie among ours */
}

double cost_of_beginning(const struct eta_part *p, double guess, const struct eta_step *s)
{
	double x[ETA_COSTS], busy = fmin(some(s->busy), longest);

	/* Where first ones are dear that is what early ones are told by. */
	if (p->seen.batches > 0 || p->firsts.times > 0 || !(some(s->own) > 0))
		return 0;
	struct cost c = cost_of(p, guess);
	done_in(p, s, x);
	return fmin(beginning_share * fmax(busy - of_all(&c, x), 0), beginning_most);
}

double cost_learn(struct eta_part *p, double guess, const struct eta_step *s, double beginning)
{
	double x[ETA_COSTS], busy = fmin(some(s->busy), longest) - beginning;

	done_in(p, s, x);
	const double own = x[COST_EACH];
	if (own <= 0 || busy <= 0)
		return 0;
	struct cost c = cost_of(p, guess);
	/* Weighed by what was thought: by what came, the quick ones would count for more. */
	double noise = batch_noise * fmax(fmax(of_all(&c, x), busy / most_strange), 1e-12);
	double batches = fmax(1, s->batches);
	double weight = 1 / (noise * noise / batches + beginning * beginning);
	double fade = exp2(-batches / half_batches);
	p->seen.batches = p->seen.batches * fade + batches;
	for (int i = 0; i < ETA_COSTS; i++) {
		for (int j = 0; j < ETA_COSTS; j++)
			p->seen.xx[i][j] = p->seen.xx[i][j] * fade + weight * x[i] * x[j];
		p->seen.xs[i] = p->seen.xs[i] * fade + weight * x[i] * busy;
	}
	c = cost_of(p, guess);
	return own * c.of[COST_EACH] / fmax(of_all(&c, x), 1e-12);
}

/* What was seen of it leaves so much less of what was doubted. */
double cost_doubt(const struct eta_part *p, const struct cost *c)
{
	const double n = fmin(p->firsts.n, p->left),
		     left[ETA_COSTS] = { p->left, n, early_of(p, n) };
	const double doubts[ETA_COSTS] = { p->guess.doubt, late_doubt, early_doubt };
	double all = fmax(of_all(c, left), 1e-12), variance = 0;

	for (int i = 0; i < ETA_COSTS; i++) {
		double x = doubts[i] * c->guessed[i] * left[i] * c->of[i] / all;
		variance += x * x;
	}
	return variance;
}
