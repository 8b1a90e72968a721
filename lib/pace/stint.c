/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rest ends sooner when the duty is raised meanwhile, and at once when the work ends. */
#include "lib/pace/stint.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pace/pace.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static const double between = 0.05;	 /* seconds between turns of the throttle */
static const double rest_again = 0.05;	 /* seconds after which a rest looks at the duty again */
static const double usual_target = 0.05; /* seconds of a stint while nobody is online */

struct stints {
	struct stints_setup setup;
	struct throttle *throttle;
	_Atomic double duty, target;
	atomic_bool away; /* nobody works for a moment, whatever the duty is */
	atomic_bool released;
	double turned;	      /* main thread */
	pthread_mutex_t lock; /* guards all below */
	struct pace pace;
	int at_work; /* in a stint now */
	double busy;
	long ended;
};

/* As it was opened, but for what the throttle knows. */
static void begin(struct stints *s)
{
	/* What may be is not known before the first turn. */
	atomic_store(&s->duty, s->throttle ? 0 : s->setup.duty);
	atomic_store(&s->target, usual_target);
	atomic_store(&s->away, false);
	atomic_store(&s->released, false);
	s->turned = -INFINITY;
}

struct stints *stints_open(const struct stints_setup *setup)
{
	struct stints *s = xcalloc(1, sizeof(*s));

	s->setup = *setup;
	pthread_mutex_init(&s->lock, NULL);
	s->throttle = throttle_open(&setup->throttle);
	begin(s);
	return s;
}

void stints_close(struct stints *s)
{
	if (!s)
		return;
	throttle_close(s->throttle);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void stints_pause(struct stints *s, const char *label)
{
	throttle_tell(s->throttle, label);
	throttle_pause(s->throttle);
	begin(s);
}

void stints_release(struct stints *s)
{
	atomic_store(&s->released, true);
}

static bool give_up(const struct decision *d, struct err *err)
{
	char words[200];

	decision_in_words(d, words, sizeof(words));
	(void)err_set(err, ERR_STOPPED, "limits have stopped it again and again: %s", words);
	return err_hint(err, "Run the same command again when that has passed: what was done is "
			     "not done again.");
}

bool stints_turn(struct stints *s, struct err *err)
{
	const struct throttle_options *o = s->setup.throttle.options;
	double now = clock_monotonic(), duty = s->setup.duty;
	int rows = 1;

	if (!s->throttle || now - s->turned < between)
		return true;
	/* The share of time in which it may not work is none of the step's. */
	if (isfinite(s->turned))
		stop_timer_extend((now - s->turned) *
				  (1 - (atomic_load(&s->away) ? 0 : atomic_load(&s->duty))));
	s->turned = now;
	throttle_turn(s->throttle);
	throttle_apply(s->throttle,
		       &(struct throttle_wish){ .profile = o->profile,
						.calm = o->calm,
						.max_lag = o->max_lag,
						.max_wal = o->max_wal,
						.query_every = o->query_every },
		       &duty, &rows);
	const struct decision *d = throttle_decision(s->throttle);
	atomic_store(&s->target, d ? d->target : usual_target);
	atomic_store(&s->duty, duty);
	atomic_store(&s->away, throttle_away(s->throttle));
	return !(o->give_up && d && throttle_hibernates(s->throttle)) || give_up(d, err);
}

void stints_look(struct stints *s, struct stints_state *ret)
{
	const struct decision *d = throttle_decision(s->throttle);

	*ret = (struct stints_state){ .duty = atomic_load(&s->duty),
				      .felt = NAN,
				      .felt_limit = NAN,
				      .state = d ? 1U + d->reason : 0 };
	pthread_mutex_lock(&s->lock);
	ret->busy = s->busy;
	ret->stints = s->ended;
	s->busy = 0;
	s->ended = 0;
	pthread_mutex_unlock(&s->lock);
	throttle_felt(s->throttle, &ret->felt, &ret->felt_limit);
	throttle_lost(s->throttle, &ret->lost);
	throttle_lost_by(s->throttle, ret->lost_by);
	if (d)
		decision_in_words(d, ret->reason, sizeof(ret->reason));
}

void stints_state_release(struct stints_state *s)
{
	strbuf_release(&s->lost);
}

void stints_tell(const struct stints *s, const char *label)
{
	throttle_tell(s->throttle, label);
}

static bool over(struct stints *s)
{
	return atomic_load(&s->released) || stop_requested();
}

void stint_begin(struct stint *t)
{
	struct stints *s = t->of;

	if (!s)
		return;
	while ((atomic_load(&s->duty) <= 0 || atomic_load(&s->away)) && !over(s))
		(void)stop_wait(rest_again);
	throttle_begin(s->throttle);
	pthread_mutex_lock(&s->lock);
	s->at_work++;
	pthread_mutex_unlock(&s->lock);
	t->began = clock_monotonic();
}

void stint_pass(struct stint *t)
{
	if (!t->of || clock_monotonic() - t->began < atomic_load(&t->of->target))
		return;
	stint_end(t);
	stint_begin(t);
}

void stint_end(struct stint *t)
{
	struct stints *s = t->of;
	double left;

	if (!s)
		return;
	double now = clock_monotonic(), took = now - t->began;
	throttle_end(s->throttle, 1, took);
	pthread_mutex_lock(&s->lock);
	s->busy += took;
	s->ended++;
	pace_worked(&s->pace, atomic_load(&s->duty), took, s->at_work--, now);
	pthread_mutex_unlock(&s->lock);
	do {
		pthread_mutex_lock(&s->lock);
		left = pace_left(&s->pace, atomic_load(&s->duty), clock_monotonic());
		pthread_mutex_unlock(&s->lock);
	} while (left > 0 && !over(s) && stop_wait(fmin(left, rest_again)));
}
