/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/pace/gate.h"

void gate_open(struct gate *g)
{
	*g = (struct gate){ .room = 1 };
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->changed, NULL);
}

void gate_close(struct gate *g)
{
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

void gate_set(struct gate *g, int room, bool all)
{
	pthread_mutex_lock(&g->lock);
	g->room = room;
	g->all = all;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

bool gate_enter(struct gate *g, bool batch)
{
	pthread_mutex_lock(&g->lock);
	while ((batch || g->all) && g->inside >= g->room)
		pthread_cond_wait(&g->changed, &g->lock);
	bool entered = batch || g->all;
	g->inside += entered;
	pthread_mutex_unlock(&g->lock);
	return entered;
}

void gate_leave(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->inside--;
	pthread_cond_signal(&g->changed);
	pthread_mutex_unlock(&g->lock);
}
