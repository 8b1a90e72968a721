/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Up by little, more carefully near what was too much; down to what the model allows, and by half
 * at an alarm, which sees sooner what begins. */
#include "lib/pace/seek.h"
#include <math.h>
#include <string.h>

static const double least_duty = 0.02;
static const double unseen_duty = 0.25; /* while it is not known what others feel */
static const double known = 300;	/* requests without us */
/* Seconds between changes of duty, and between two falls at an alarm. */
static const double hold = 2, hold_fall = 1;
/* Who yields is presumed to be in nobody's way. */
static const struct stride {
	double least, share;		/* upwards: at least, and share of the duty */
	double forget;			/* seconds in which too much is thought a little less so */
	double alarm;			/* sum of what was beyond its share that is one */
	double doubt;			/* of what may be chance: felt_duty() */
	double look_again, look_rarely; /* seconds between looks, until enough is known and then */
	double most;			/* duty */
} strides[] = {
	[false] = { 0.015, 0.08, 15, 7, 0.3, 3, 5, 0.95 },
	[true] = { 0.25, 1, 4, 14, 1.3, 10, 15, 1 },
};
static const double steepest = 0.88; /* of a fall that is no alarm, a step: by half in 1.4 s */
/* Seconds of a look: before any work of ours, later, where requests are slow. */
static const double first_look = 3, later_look = 0.4, most_look = 2;
/* Seconds at the beginning of a look that do not count: usually, after alarms. */
static const double least_settle = 0.2, most_settle = 2;

static double clamp(double x, double low, double high)
{
	return !(x > low) ? low : x > high ? high : x; /* NaN is low */
}

void seek_start(struct seek *s)
{
	memset(s, 0, sizeof(*s));
	s->loop = s->loaded = least_duty;
	s->bad = 2;
	for (int k = 0; k < REQUEST_KINDS; k++)
		felt_start(&s->felt[k], (enum request)k);
}

static void turn_away(struct seek *s, double t, double length)
{
	s->away = true;
	s->turned = t;
	s->length = length;
}

void seek_again(struct seek *s, double t)
{
	s->loop = s->loaded;
	s->changed = t;
	s->settle = least_settle;
	s->begun = true;
	turn_away(s, t, felt_known(&s->felt[REQUEST_SQL]) ? later_look : first_look);
}

void seek_forget(struct seek *s)
{
	s->bad = 2;
	for (size_t k = 0; k < REQUEST_KINDS; k++)
		s->felt[k].alarm = 0;
}

/* The mean of a step is one sample: within it they are hardly ever taken and left. */
static void take_sessions(struct seek *s, const struct latency *probe, size_t n, double duty,
			  bool clean)
{
	struct felt *f = &s->felt[REQUEST_SESSIONS];
	double taken = 0, looks = 0;

	for (size_t i = 0; i < n; i++) {
		if (probe[i].kind != REQUEST_SESSIONS || !(probe[i].seconds >= 0))
			continue;
		taken += fmin(probe[i].seconds, 1);
		looks++;
	}
	if (looks > 0 && !s->away)
		felt_add_met(f, taken / looks, duty);
	else if (looks > 0 && clean)
		felt_add_free(f, taken / looks);
}

void seek_take(struct seek *s, const struct latency *probe, size_t n, double duty, double t,
	       double dt, struct goal goal)
{
	/* Those that have come since the step before. */
	bool clean = s->away && t - dt - s->turned >= s->settle;

	for (size_t k = 0; k < REQUEST_KINDS; k++)
		felt_fade(&s->felt[k], dt);
	for (size_t i = 0; i < n; i++) {
		const struct latency *p = &probe[i];
		if (!isfinite(p->seconds) || p->seconds < 0 || p->kind >= REQUEST_SESSIONS)
			continue;
		if (!s->away)
			felt_add_met(&s->felt[p->kind], p->seconds, duty);
		else if (clean && !p->met)
			felt_add_free(&s->felt[p->kind], p->seconds);
	}
	take_sessions(s, probe, n, duty, clean);
	for (size_t k = 0; k < REQUEST_KINDS; k++)
		felt_limit(&s->felt[k], goal.ratio, goal.floor);
}

/* Whether requests of some kind are beyond their share: each is told once. */
static bool alarmed(struct seek *s, double at)
{
	bool any = false;

	for (size_t k = 0; k < REQUEST_KINDS; k++) {
		if (s->felt[k].alarm <= at)
			continue;
		s->felt[k].alarm = 0;
		s->tightest = (enum request)k;
		any = true;
	}
	return any;
}

/* What the kind allows that feels us most. */
static double duty_of_model(struct seek *s, double doubt)
{
	double least = INFINITY;

	for (size_t k = 0; k < REQUEST_KINDS; k++) {
		double duty = felt_duty(&s->felt[k], doubt);
		if (duty >= least)
			continue;
		least = duty;
		if (duty < s->loop)
			s->tightest = (enum request)k;
	}
	return least;
}

/* Long enough for some requests of the slowest kind. */
static double length_of_look(const struct seek *s)
{
	double slowest = 0;

	for (size_t k = REQUEST_STATUS; k <= REQUEST_LOGGED; k++)
		slowest = fmax(slowest, s->felt[k].mean);
	return clamp(8 * slowest, later_look, most_look);
}

static void take_turns(struct seek *s, double t, const struct stride *go)
{
	double since = t - s->turned;
	bool enough = s->felt[REQUEST_SQL].free.sum >= known;

	if (!s->begun) {
		seek_again(s, t);
	} else if (s->away && since >= s->settle + s->length) {
		s->away = false;
		s->turned = t;
		s->changed = fmax(s->changed, t - hold / 2);
		s->settle = fmax(least_settle, s->settle / 2);
	} else if (!s->away && since >= (enough ? go->look_rarely : go->look_again)) {
		turn_away(s, t, length_of_look(s));
	}
}

static bool known_now(const struct seek *s)
{
	for (size_t k = 0; k < REQUEST_KINDS; k++) {
		if (felt_known(&s->felt[k]))
			return true;
	}
	return false;
}

void seek_step(struct seek *s, double t, double other, bool yields)
{
	double since = t - s->changed;
	const struct stride *go = &strides[yields];

	take_turns(s, t, go);
	if (s->bad < 2 && t - s->bad_aged >= go->forget) {
		s->bad += fmax(0.01, 0.1 * s->bad);
		s->bad_aged = t;
	}
	if (alarmed(s, go->alarm)) {
		if (since < hold_fall)
			return;
		s->bad = fmax(s->loop, 2 * least_duty);
		s->bad_aged = s->changed = t;
		s->loop = clamp(s->loop * 0.5, least_duty, 1);
		s->settle = fmin(most_settle, 2 * s->settle);
	} else if (!s->away && since >= hold && other >= 0.8 * s->loop &&
		   (s->loop < unseen_duty || known_now(s))) {
		double up = s->loop + fmax(go->least, go->share * s->loop);
		if (up >= 0.9 * s->bad)
			up = (s->loop + s->bad) / 2;
		s->loop = clamp(fmax(up, s->loop), least_duty, 1);
		s->changed = t;
	}
	double model = duty_of_model(s, go->doubt);
	s->modelled = model < s->loop;
	s->loop = clamp(fmin(s->loop, fmax(model, steepest * s->loop)), least_duty, go->most);
}
