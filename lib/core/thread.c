/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lib/core/thread.h"

#include <errno.h>

static void add(const struct thread_count *c, int n)
{
	pthread_mutex_lock(c->mutex);
	*c->at_work += (size_t)n;
	pthread_mutex_unlock(c->mutex);
}

/* It is counted first: it may end before this returns. */
bool thread_start(const struct thread_count *count, pthread_t *ret, void *(*fn)(void *arg),
		  void *arg, struct err *err)
{
	add(count, 1);
	errno = pthread_create(ret, NULL, fn, arg);
	if (!errno)
		return true;
	int saved = errno;

	add(count, -1);
	errno = saved;
	return err_errno(err, "cannot start a thread");
}
