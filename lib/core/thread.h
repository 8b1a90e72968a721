/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads that are counted while they are at work. */
#pragma once
#include "lib/core/err.h"
#include <pthread.h>
#include <stddef.h>

struct thread_count {
	pthread_mutex_t *mutex; /* of at_work */
	size_t *at_work;	/* the thread takes itself off when it ends */
};
bool thread_start(const struct thread_count *count, pthread_t *ret, void *(*fn)(void *arg),
		  void *arg, struct err *err) MUST_CHECK;
