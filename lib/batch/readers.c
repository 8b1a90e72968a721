/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Windows wait in a list, oldest first; each thread takes small shares of rows from the first that
 * has any left.  Nothing but the list is shared, all of it under one lock; a share is large enough
 * that the lock is not felt.
 */
#include "lib/batch/readers.h"
#include "lib/core/mem.h"
#include "lib/drivers/priority.h"
#include "lib/pace/throttle.h"
#include <pthread.h>
#include <stdlib.h>

enum { SHARE = 16 };

struct readers {
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct loading *first, **last;
	struct throttle *throttle;
	bool stop;
	int far, n; /* far: under the lock */
	pthread_t threads[];
};

static void load_share(struct readers *r, const struct loading *l, size_t from, size_t to)
{
	bool entered = throttle_enter(r->throttle);

	for (size_t i = from; i < to; i++)
		l->phase->load(l->phase->ctx, l->window->rows[i]);
	if (entered)
		throttle_leave(r->throttle);
}

static void *reader(void *arg)
{
	struct readers *r = arg;

	int far = 0;

	pthread_mutex_lock(&r->lock);
	while (!r->stop) {
		struct loading *l = r->first;
		if (!l) {
			pthread_cond_wait(&r->work, &r->lock);
			continue;
		}
		size_t from = l->next,
		       to = from + SHARE < l->window->n ? from + SHARE : l->window->n;
		l->next = to;
		if (to == l->window->n) {
			r->first = l->link;
			if (!r->first)
				r->last = &r->first;
		}
		bool moves = far != r->far;
		far = r->far;
		pthread_mutex_unlock(&r->lock);
		if (moves)
			priority_become(far);
		load_share(r, l, from, to);
		pthread_mutex_lock(&r->lock);
		l->finished += to - from;
		if (l->finished == l->window->n)
			pthread_cond_broadcast(&r->done);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

struct readers *readers_start(int threads, int far, struct throttle *throttle)
{
	struct readers *r = xcalloc(1, sizeof(*r) + (size_t)threads * sizeof(r->threads[0]));

	r->far = far;
	r->throttle = throttle;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	pthread_cond_init(&r->done, NULL);
	r->last = &r->first;
	for (; r->n < threads; r->n++) {
		if (pthread_create(&r->threads[r->n], NULL, reader, r) != 0)
			break;
	}
	return r;
}

void readers_step_back(struct readers *r, int far)
{
	pthread_mutex_lock(&r->lock);
	r->far = far;
	pthread_mutex_unlock(&r->lock);
}

void readers_stop(struct readers *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	for (int i = 0; i < r->n; i++)
		pthread_join(r->threads[i], NULL);
	pthread_cond_destroy(&r->work);
	pthread_cond_destroy(&r->done);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void readers_submit(struct readers *r, struct loading *l, const struct batch_phase *phase,
		    struct batch_window *w)
{
	*l = (struct loading){ .phase = phase, .window = w };
	if (!phase->load || w->n == 0) {
		l->next = l->finished = w->n;
		return;
	}
	if (r->n == 0) { /* no thread could be made: load here */
		for (; l->finished < w->n; l->finished++)
			phase->load(phase->ctx, w->rows[l->finished]);
		return;
	}
	pthread_mutex_lock(&r->lock);
	*r->last = l;
	r->last = &l->link;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
}

void readers_wait(struct readers *r, struct loading *l)
{
	pthread_mutex_lock(&r->lock);
	while (l->finished < l->window->n)
		pthread_cond_wait(&r->done, &r->lock);
	pthread_mutex_unlock(&r->lock);
}

void readers_drop(struct readers *r, struct loading *l)
{
	struct loading **at = &r->first;

	pthread_mutex_lock(&r->lock);
	while (*at && *at != l)
		at = &(*at)->link;
	if (*at) {
		*at = l->link;
		if (!*at)
			r->last = at;
		l->finished += l->window->n - l->next;
		l->next = l->window->n;
	}
	pthread_mutex_unlock(&r->lock);
}
