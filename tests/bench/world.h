/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A migration in virtual time: the real forecast, controller, rests and calendar over a server that
 * is made of recorded batch costs.  A run is what its seed says.  What was foretold on the way is
 * scored against what came, beside what other tools would have said of the same run.
 */
#pragma once
#include "lib/pace/calendar.h"
#include "lib/pace/controller.h"
#include "lib/pace/eta.h"
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_PHASES = 3, MOST_COSTS = 4096, CHECKPOINTS = 4, TELLERS = 4 };
enum world_kind { STEADY, COLD, THROTTLED, BURSTS, PAUSED, WINDOWS, WORLD_KINDS };
static const char *const world_kinds[] = { "steady", "cold",   "throttled",
					   "bursts", "paused", "windows" };
static const char *const tellers[TELLERS] = { "plmaint", "last second (gh-ost)",
					      "interval x N / batch (GitLab)", "lifetime mean" };

/* Recorded: cost of a batch's unit over the mean of its phase. */
struct costs {
	double of[2][MOST_COSTS]; /* fill and detach */
	int n[2];
};

struct score {
	double error[TELLERS]; /* foretold over actual, less 1 */
	double p10, p90, actual;
};
struct world_run {
	enum world_kind kind;
	double rows, seconds; /* from begin to end by the wall */
	double span;	      /* worked or waited in open windows */
	struct score score[CHECKPOINTS];
};

struct looked { /* what was told at one moment */
	double wall, open, told[TELLERS], p10, p90;
};
struct world {
	uint64_t seed;
	const struct costs *costs;
	struct controller c;
	struct signals s;
	struct eta eta;
	struct calendar windows;
	double wall, open; /* clock; seconds of them in which it might work */
	double total[WORLD_PHASES], left[WORLD_PHASES], each[WORLD_PHASES], early[WORLD_PHASES];
	double files;		  /* times that fill takes for files that come from disk */
	struct eta_firsts firsts; /* of detach: a share of its rows */
	bool in_order;		  /* they come before all others, else fewer and fewer */
	double misjudged;	  /* times as many as there are, are thought to be left */
	int at[2];		  /* place in the recording */
	int phase;
	double busy_until, idle_until;
	bool others;
	struct looked *look;
	size_t looks;
	double since, done_then, interval;
};

static const double world_tick = 0.25;
static const double writers = 2;

static double dice(struct world *w)
{
	w->seed = w->seed * 6364136223846793005U + 1442695040888963407U;
	return (double)(w->seed >> 11) / 9007199254740992.0;
}

static double normal(struct world *w)
{
	return sqrt(-2 * log(1 - dice(w))) * cos(6.283185307179586 * dice(w));
}

static bool read_costs(const char *path, struct costs *c)
{
	FILE *f = fopen(path, "r");
	char line[128], phase[32];
	double t, units, firsts, busy, mean[2] = { 0 };

	*c = (struct costs){ 0 };
	while (f && fgets(line, sizeof(line), f)) {
		/* First ones are the world's own. */
		if (sscanf(line, "%lf %lf %lf %lf %31[a-z ]", &t, &units, &firsts, &busy, phase) !=
			    5 ||
		    units <= 0 || firsts > units / 10)
			continue;
		int i = strcmp(phase, "detach") == 0;
		if (c->n[i] < MOST_COSTS)
			c->of[i][c->n[i]++] = busy / units;
	}
	if (f)
		fclose(f);
	for (int i = 0; i < 2; i++) {
		/* Time passes evenly here, so that what counts is the mean of units for each
		 * second. */
		for (int k = 0; k < c->n[i]; k++)
			mean[i] += 1 / c->of[i][k] / c->n[i];
		for (int k = 0; k < c->n[i]; k++)
			c->of[i][k] *= mean[i];
	}
	return c->n[0] > 0 && c->n[1] > 0;
}

/* What is thought of a phase, and what it is on this machine today. */
static void make_phases(struct world *w, double rows, enum world_kind kind)
{
	static const struct eta_guess guesses[] = { { 95e-6, 0.6, true, 0 },
						    { 200e-6, 0.6, true, 0 },
						    { 60e-6, 0.6, false, 0 } };
	static const struct eta_firsts usual = { 0.13, 2.9 };
	static const double early[] = { 1, 0.4, 0 }; /* which nobody tells the forecast of */
	bool measured = dice(w) < 0.7;		     /* it has run here before */
	double machine = exp(0.5 * normal(w)), lists = 0.02 + 0.15 * dice(w);

	w->files = kind == COLD ? 2 + 2 * dice(w) : 1;
	w->firsts.n = usual.n * exp(0.4 * normal(w));
	w->firsts.times =
		usual.times * (0.5 + 0.7 * dice(w)) + (kind == COLD ? 5 + 10 * dice(w) : 0);
	w->in_order = dice(w) < 0.5;
	w->misjudged = exp(0.3 * normal(w));
	for (int i = 0; i < WORLD_PHASES; i++) {
		double units = i == 0 ? rows * (1 - lists) : i == 1 ? rows * lists : rows;
		struct eta_guess g = guesses[i];
		w->total[i] = w->left[i] = units;
		w->each[i] = g.each * machine * exp(0.2 * normal(w)) * (i < 2 ? w->files : 1);
		w->early[i] = early[i] * dice(w);
		if (measured)
			g = (struct eta_guess){ w->each[i] * exp(0.15 * normal(w)), 0.15, i < 2,
						0 };
		(void)eta_add(&w->eta, units, g,
			      i < 2 ? (struct eta_firsts){ 0 }
				    : (struct eta_firsts){ usual.n * units, usual.times });
	}
}

/* Others come and go, as the kind of the run has it. */
static void let_others(struct world *w, enum world_kind kind)
{
	double now = w->open;

	if (kind != THROTTLED && kind != BURSTS && kind != WINDOWS)
		return;
	if (now < w->busy_until || now < w->idle_until)
		return;
	double mean = kind == THROTTLED ? 40 : 20;
	w->others = !w->others;
	if (w->others)
		w->busy_until = now - mean * log(1 - dice(w)) * (kind == THROTTLED ? 3 : 1);
	else
		w->idle_until = now - mean * log(1 - dice(w));
}

static void steer(struct world *w)
{
	w->s.busy = w->others ? BUSY_VERY : BUSY_NO;
	w->s.batch = 0.015;
	w->s.probes = w->others ? 4 : 0;
	for (size_t i = 0; i < w->s.probes; i++) {
		bool met = dice(w) < w->c.now.duty;
		double x = 0.003 * (0.5 + dice(w)) * (dice(w) < 0.01 ? 3 : 1) * (met ? 1.5 : 1);
		w->s.probe[i] = (struct latency){ .seconds = floor(x * 1e6) / 1e6, .met = met };
	}
	controller_step(&w->c, &w->s, w->open);
}

/* Of the rows at this share of the way so many are first ones; of those left, in all. */
static double firsts_at(const struct world *w, double share)
{
	return w->in_order ? share < w->firsts.n : exp(-share / w->firsts.n);
}

static double firsts_left(const struct world *w, double share)
{
	double n = w->in_order ? fmax(0, w->firsts.n - share)
			       : w->firsts.n * exp(-share / w->firsts.n);

	return n * w->total[WORLD_PHASES - 1];
}

/* Work of one tick; returns units done. */
static double work(struct world *w, double seconds, double *firsts, double *busy, double *batches)
{
	int p = w->phase, r = p == WORLD_PHASES - 1;
	double share = 1 - w->left[p] / w->total[p];
	double recorded = w->costs->of[r][w->at[r]], first = r ? firsts_at(w, share) : 0;
	double cost = w->each[p] * recorded *
		      (1 + w->early[p] * exp(-share / 0.04) + w->firsts.times * first) *
		      (w->others ? 1.3 : 1);

	w->at[r] = (w->at[r] + 1) % w->costs->n[r];
	*busy = writers * w->c.now.duty * seconds;
	double units = fmin(*busy / cost, w->left[p]);
	*busy = units * cost;
	*firsts = units * first;
	*batches = fmax(1, units / 500);
	w->left[p] -= units;
	return units;
}

static double rows_left(const struct world *w)
{
	double n = 0;

	for (int i = 0; i < WORLD_PHASES; i++)
		n += w->left[i];
	return n;
}

static double to_end(const struct world *w, double seconds)
{
	return calendar_after(&w->windows, w->wall, fmin(seconds, 1e8)) - w->wall;
}

static void look(struct world *w, double begun, double units, double all)
{
	struct looked *l;

	/* Moments closer than a hundredth of the way until then say nothing new. */
	if (w->looks > 0 && w->open < 1.01 * w->look[w->looks - 1].open)
		return;
	if (w->looks % 64 == 0)
		w->look = realloc(w->look, (w->looks + 64) * sizeof(*w->look));
	l = &w->look[w->looks++];
	struct eta_range e = eta_left(&w->eta, w->eta.parts);
	double left = rows_left(w), second = units / fmax(w->open - w->since, 1e-9);
	double open = w->open - begun;
	*l = (struct looked){ .wall = w->wall,
			      .open = w->open,
			      .p10 = to_end(w, e.p10),
			      .p90 = to_end(w, e.p90),
			      .told = { to_end(w, e.p50), to_end(w, left / fmax(second, 1e-3)),
					to_end(w, w->interval * left / 500),
					to_end(w, open * left / fmax(all - left, 1)) } };
}

static void score(struct world *w, double begun, struct world_run *ret)
{
	static const double shares[CHECKPOINTS] = { 0.10, 0.25, 0.50, 0.75 };
	double open = w->open - begun;
	size_t at = 0;

	for (int k = 0; k < CHECKPOINTS; k++) {
		struct score *s = &ret->score[k];
		while (at + 1 < w->looks && w->look[at].open - begun < shares[k] * open)
			at++;
		s->actual = w->wall - w->look[at].wall;
		s->p10 = w->look[at].p10;
		s->p90 = w->look[at].p90;
		for (int t = 0; t < TELLERS; t++)
			s->error[t] = w->look[at].told[t] / fmax(s->actual, 0.1) - 1;
	}
}

/* An operator's pause is no part of any forecast, so none lies between it and its score. */
static void pause_now(struct world *w, double seconds)
{
	w->wall += seconds;
	for (size_t i = 0; i < w->looks; i++)
		w->look[i].wall += seconds;
}

static bool closed(struct world *w)
{
	double change;

	if (calendar_open(&w->windows, w->wall, &change))
		return false;
	w->wall = change;
	return true;
}

/* One look's worth of time; *units that were done in it. */
static void pass(struct world *w, enum world_kind kind, double *units)
{
	struct eta_step step = { .part = w->phase };

	for (int i = 0; i < 2 && w->left[w->phase] > 0; i++) {
		double busy, firsts, batches;
		(void)closed(w);
		let_others(w, kind);
		steer(w);
		step.own += work(w, world_tick, &firsts, &busy, &batches);
		step.firsts += firsts;
		step.busy += busy;
		step.waited += w->phase < WORLD_PHASES - 1 ? busy * (1 - 1 / w->files) : 0;
		step.batches += (int)batches;
		step.seconds += world_tick;
		w->wall += world_tick;
		w->open += world_tick;
	}
	step.units = step.own;
	*units = step.own;
	w->eta.slowed = w->c.now.reason > SLOW_USER;
	eta_count(&w->eta, w->phase, w->total[w->phase], w->left[w->phase]);
	eta_pass(&w->eta, &step);
	if (w->phase == WORLD_PHASES - 1)
		eta_count_firsts(
			&w->eta, w->phase,
			w->misjudged * firsts_left(w, 1 - w->left[w->phase] / w->total[w->phase]));
	if (w->interval <= 0 && step.batches > 0)
		w->interval = step.seconds / step.batches;
}

/* rows 0: as many as the seed says.  begin: the wall clock. */
static void world_run(const struct costs *costs, uint64_t seed, enum world_kind kind, double rows,
		      const char *windows, double begin, struct world_run *ret)
{
	struct world w = { .seed = seed * 2654435761U + 12345, .costs = costs, .wall = begin };
	struct err err;
	double units, all;

	(void)dice(&w);
	if (rows <= 0)
		rows = exp(log(2e4) + dice(&w) * log(25)); /* 20,000 to 500,000 */
	if (kind == WINDOWS && (!calendar_parse(windows, &w.windows, &err)))
		abort();
	controller_start(&w.c);
	w.s.profile = PROFILE_DEFAULT;
	w.s.max_duty = 1;
	w.s.calm = usual_calm;
	eta_start(&w.eta, writers);
	w.eta.moods = kind == THROTTLED || kind == BURSTS || kind == WINDOWS;
	make_phases(&w, rows, kind);
	for (int i = 0; i < 2; i++)
		w.at[i] = (int)(dice(&w) * costs->n[i]);
	all = rows_left(&w);
	(void)closed(&w);
	double paused_at = kind == PAUSED ? all * (0.2 + 0.6 * dice(&w)) : -1;
	for (w.phase = 0; w.phase < WORLD_PHASES; w.phase++)
		while (w.left[w.phase] > 0) {
			w.since = w.open;
			pass(&w, kind, &units);
			if (rows_left(&w) < paused_at) {
				pause_now(&w, 600);
				paused_at = -1;
			}
			look(&w, 0, units, all);
		}
	*ret = (struct world_run){
		.kind = kind, .rows = rows, .seconds = w.wall - begin, .span = w.open
	};
	score(&w, 0, ret);
	free(w.look);
}
