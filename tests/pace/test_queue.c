/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The throttle before a queue: users come by chance to a host of two cores, over as many sessions
 * as they have, and wait for one while all are taken; who works shares the cores alike, and our
 * writers are among them.  What is too much for such a host is still there after a batch of ours
 * has ended.
 */
#include "lib/pace/controller.h"
#include "lib/pace/pace.h"
#include "tests/harness/tap.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { CORES = 2, MOST_SESSIONS = 16, QUEUE = 1 << 14, BINS = 400, WRITERS = 2, NIGHTS = 8 };
static const double tick = 0.05, each_step = 0.25; /* seconds: of the main loop, of decisions */
static const double throttled = -1;		   /* for a duty: as the throttle has it */
static const double warm = 60, measured = 240;	   /* seconds */

struct site {
	double load;	/* share of the cores that users take */
	double service; /* seconds of a core that a request takes in the mean */
	int sessions;
	bool web;    /* users are Pulp's: its status is asked now and then, and waits like theirs */
	bool yields; /* they have the cores before us */
};

struct job {
	double left, since; /* seconds of a core; when it came */
};

struct world {
	const struct site *site;
	double t, h;
	uint64_t users, ours; /* two kinds of chance: users are the same whatever we do */
	struct job user[MOST_SESSIONS];
	double queue[QUEUE]; /* when they came; ours is told by its sign */
	size_t first, last;
	struct job probe; /* ours, over a session of its own */
	bool probe_met, web_met, looked;
	/* us */
	struct controller c;
	struct signals s;
	struct pace pace;
	struct job batch[WRITERS];
	double work[WRITERS], ended, fixed; /* fixed: duty, or throttled */
	int at_work;
	double next_tick, next_step, next_ask;
	double done, counted[BINS], requests;
};

static double dice(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005U + 1442695040888963407U;
	return ((double)(*seed >> 11) + 0.5) / 9007199254740992.0;
}

/* Exponential, by von Neumann's way, which calls no log(): the table is the same everywhere. */
static double some_work(uint64_t *seed, double mean)
{
	for (int whole = 0;; whole++) {
		double first = dice(seed), before = first, next;
		int n = 1;
		for (; (next = dice(seed)) < before; n++)
			before = next;
		if (n % 2 == 1)
			return mean * (whole + first);
	}
}

/* Bins 4 % apart, from 10 us on. */
static size_t bin(double seconds)
{
	double i = log(fmax(seconds, 10e-6) / 10e-6) / log(1.04);

	return i < BINS ? (size_t)i : BINS - 1;
}

static double quantile(const struct world *w, double share)
{
	double sum = 0;

	for (size_t i = 0; i < BINS; i++) {
		sum += w->counted[i];
		if (sum >= share * w->requests)
			return 10e-6 * pow(1.04, (double)i + 1);
	}
	return INFINITY;
}

static bool met(const struct world *w, double began)
{
	return w->at_work > 0 || w->ended + 0.02 >= began;
}

static void tell(struct world *w, enum request kind, double seconds, bool is_met)
{
	if (w->s.probes < MOST_PROBES)
		w->s.probe[w->s.probes++] = (struct latency){ seconds, kind, is_met };
}

static void come(struct world *w, bool ours)
{
	if (w->last - w->first < QUEUE)
		w->queue[w->last++ % QUEUE] = ours ? -w->t : w->t;
}

static int sit_down(struct world *w)
{
	int taken = 0;

	for (int i = 0; i < w->site->sessions; i++) {
		struct job *j = &w->user[i];
		if (j->left <= 0 && w->first < w->last) {
			j->since = w->queue[w->first++ % QUEUE];
			j->left = some_work(j->since < 0 ? &w->ours : &w->users, w->site->service);
		}
		taken += j->left > 0;
	}
	return taken;
}

static void leave(struct world *w, const struct job *j)
{
	double took = w->t - fabs(j->since);

	if (j->since < 0) {
		tell(w, REQUEST_STATUS, took, w->web_met || met(w, -j->since));
		/* As sense_slow.c has it. */
		w->next_ask = w->t + fmin(fmax(100 * took, 1), 5);
	} else if (w->t > warm) {
		w->counted[bin(took)]++;
		w->requests++;
	}
}

static double duty_now(const struct world *w)
{
	return w->fixed >= 0 ? w->fixed : w->c.now.duty;
}

static void write_on(struct world *w, double rate)
{
	double target = w->fixed >= 0 ? 0.005 : w->c.now.target;

	bool alone = w->fixed >= 0 || w->c.idle || w->c.now.duty >= 0.9;

	for (int i = 0; i < WRITERS && duty_now(w) > 0; i++) {
		struct job *b = &w->batch[i];
		if (b->left <= 0) {
			if (!alone && w->at_work > 0)
				continue;
			if (pace_left(&w->pace, duty_now(w), w->t) > 0 ||
			    (w->fixed < 0 && w->c.now.away))
				continue;
			if (w->work[i] <= 0)
				w->work[i] = 0.002;
			*b = (struct job){ w->work[i], w->t };
			w->at_work++;
		}
		b->left -= rate;
		if (w->t > warm)
			w->done += rate;
		if (b->left > 0)
			continue;
		double took = w->t - b->since + w->h;
		w->at_work--;
		w->ended = w->t;
		w->work[i] *= fmax(0.5, fmin(1.25, target / took));
		pace_worked(&w->pace, duty_now(w), took, alone ? WRITERS : 1, w->t);
	}
}

static void look(struct world *w, int taken)
{
	w->next_tick += tick * (0.5 + dice(&w->ours));
	if (w->fixed >= 0)
		return;
	if (w->probe.left <= 0 && !w->c.idle && w->site->load > 0) {
		w->probe = (struct job){ 0.0003, w->t };
		w->probe_met = met(w, w->t);
	}
	if (!w->c.idle && w->site->load > 0)
		tell(w, REQUEST_SESSIONS, (double)taken / w->site->sessions, met(w, w->t));
	/* Each look is asked in, too: once what we left behind may have gone. */
	if (w->c.now.away && !w->looked)
		w->next_ask = fmin(w->next_ask, w->t + 0.15);
	w->looked = w->c.now.away;
	if (w->site->web && w->t >= w->next_ask) {
		w->next_ask = INFINITY;
		w->web_met = met(w, w->t);
		come(w, true);
	}
	if (w->t < w->next_step)
		return;
	w->next_step = w->t + each_step;
	w->s.busy = w->site->load > 0 ? BUSY_YES : BUSY_NO;
	w->s.batch = 0.005;
	controller_step(&w->c, &w->s, w->t);
	w->s.probes = 0;
}

/* duty: 0: without us. */
static void run(struct world *w, const struct site *site, double fixed, unsigned night)
{
	*w = (struct world){ .site = site, .fixed = fixed, .ended = -1, .next_ask = 1 };
	w->users = 5 + 1000003 * night;
	w->ours = 77 + 7919 * night;
	w->h = fmin(site->service / 5, 0.0005);
	controller_start(&w->c);
	w->s.max_duty = 1;
	w->s.yields = site->yields;
	w->s.profile = PROFILE_DEFAULT;
	w->s.calm = usual_calm;
	double rate = site->load * CORES / site->service, next = 0;
	for (; w->t < warm + measured; w->t += w->h) {
		while (rate > 0 && w->t >= next) {
			come(w, false);
			next += some_work(&w->users, 1 / rate);
		}
		int taken = sit_down(w);
		int others = taken + (w->probe.left > 0);
		int tasks = others + (site->yields ? 0 : w->at_work);
		double part = w->h * fmin(1, CORES / fmax(tasks, 1)), ours = part;
		/* What is left, and of each turn a little: nobody waits for ever. */
		if (site->yields)
			ours = w->h * fmin(1, fmax(0.003, CORES - others) / fmax(w->at_work, 1));
		for (int i = 0; i < site->sessions; i++) {
			struct job *j = &w->user[i];
			if (j->left > 0 && (j->left -= part) <= 0)
				leave(w, j);
		}
		if (w->probe.left > 0 && (w->probe.left -= part) <= 0)
			tell(w, REQUEST_SQL, w->t - w->probe.since + w->h,
			     w->probe_met || met(w, w->probe.since));
		write_on(w, ours);
		if (w->t >= w->next_tick)
			look(w, taken);
	}
}

static double may_be(double off)
{
	return fmax(1.10 * off, off + 0.002);
}

/* What some nights come to: one alone is chance. */
struct outcome {
	double p99, done; /* seconds of the processor in one */
};

static struct outcome nights(const struct site *site, double fixed)
{
	static struct world w, all;
	double done = 0;

	memset(&all, 0, sizeof(all));
	for (unsigned night = 0; night < NIGHTS; night++) {
		run(&w, site, fixed, night);
		for (size_t i = 0; i < BINS; i++)
			all.counted[i] += w.counted[i];
		all.requests += w.requests;
		done += w.done / NIGHTS;
	}
	return (struct outcome){ quantile(&all, 0.99), done };
}

/* What users may feel beyond the goal, as the search has to try what is too much to know it. */
static const double tried = 1.13;
static const double of_best = 0.85; /* share of the best fixed duty's speed */

/* With PLMAINT_TABLE in the environment it is shown for each site. */
static void compare(const struct site *site, double best)
{
	struct outcome off = nights(site, 0), on = nights(site, throttled);
	struct outcome fixed = nights(site, best);
	double share = on.done / fixed.done;

	bool good = CHECK(site->load <= 0 || on.p99 <= tried * may_be(off.p99));
	good &= CHECK(site->load <= 0 || fixed.p99 <= may_be(off.p99));
	good &= CHECK(share >= of_best);
	if (!good || getenv("PLMAINT_TABLE"))
		fprintf(stderr,
			"# users at %.2f: p99 %.2f ms without us, so it may be %.2f, is %.2f (%.2f at duty"
			" %.2f); %.3f cores, %.2f of the fixed duty\n",
			site->load, 1e3 * off.p99, 1e3 * may_be(off.p99), 1e3 * on.p99,
			1e3 * fixed.p99, best, on.done / measured, share);
}

TEST(idle_host_is_ours)
{
	compare(&(struct site){ 0, 0.0007, 4, false, false }, 1);
}

/* The fixed duties are the highest of 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3 and 0.4 that keep to
 * the goal. */
TEST(requests_to_the_database)
{
	compare(&(struct site){ 0.3, 0.0007, 4, false, false }, 0.3);
	compare(&(struct site){ 0.65, 0.0007, 4, false, false }, 0.1);
	compare(&(struct site){ 0.85, 0.0007, 4, false, false }, 0.02);
}

/* Full speed is what nobody feels. */
TEST(who_yields_is_not_held_up)
{
	compare(&(struct site){ 0.3, 0.0007, 4, false, true }, 1);
	compare(&(struct site){ 0.65, 0.0007, 4, false, true }, 1);
	compare(&(struct site){ 0.3, 0.06, 8, true, true }, 1);
	compare(&(struct site){ 0.65, 0.06, 8, true, true }, 1);
}

TEST(requests_to_pulp)
{
	compare(&(struct site){ 0.3, 0.06, 8, true, false }, 0.2);
	compare(&(struct site){ 0.65, 0.06, 8, true, false }, 0.15);
	compare(&(struct site){ 0.85, 0.06, 8, true, false }, 0.05);
}

TAP_MAIN(row(idle_host_is_ours), row(requests_to_the_database), row(who_yields_is_not_held_up),
	 row(requests_to_pulp))
