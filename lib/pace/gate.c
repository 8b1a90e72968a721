/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All rest at the same time: of rests one by one others of ours would make use. */
#include "lib/pace/gate.h"
#include "lib/core/clock.h"
#include <math.h>

void gate_open(struct gate *g)
{
	*g = (struct gate){ .room = 1 };
	pthread_mutex_init(&g->lock, NULL);
	clock_cond_init(&g->changed);
}

void gate_close(struct gate *g)
{
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

void gate_set(struct gate *g, int room, bool all, double rest)
{
	pthread_mutex_lock(&g->lock);
	g->room = room;
	g->all = all;
	g->rest = rest;
	if (rest <= 0)
		g->shut = 0;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

/* What those inside have done since it was counted last. */
static void count(struct gate *g, double now)
{
	g->worked += g->inside * (now - g->counted);
	g->counted = now;
}

static void wait_for_change(struct gate *g, double now)
{
	if (g->inside >= g->room) {
		pthread_cond_wait(&g->changed, &g->lock);
	} else {
		struct timespec until = clock_after(g->shut - now);

		pthread_cond_timedwait(&g->changed, &g->lock, &until);
	}
}

bool gate_enter(struct gate *g, bool batch)
{
	pthread_mutex_lock(&g->lock);
	double now = clock_monotonic();

	while ((batch || g->all) && (g->inside >= g->room || now < g->shut)) {
		wait_for_change(g, now);
		now = clock_monotonic();
	}
	bool entered = batch || g->all;
	count(g, now);
	g->inside += entered;
	pthread_mutex_unlock(&g->lock);
	return entered;
}

void gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	double now = clock_monotonic();

	count(g, now);
	g->inside--;
	if (g->rest > 0)
		g->shut = fmax(now, g->shut) + g->worked / g->room * g->rest / (1 - g->rest);
	g->worked = 0;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}
