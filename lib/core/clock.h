/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All time goes through here.  Seconds as double; monotonic for durations, wall for timestamps. */
#pragma once
#include "lib/core/err.h"
#include <pthread.h>
#include <stddef.h>
#include <time.h>

double clock_monotonic(void);
double clock_wall(void);				 /* seconds since 1970, UTC */
void clock_rfc3339(double wall, char *out, size_t size); /* 2026-01-02T03:04:05.678Z; size >= 32 */
/*
 * For pthread_cond_timedwait(): a condition whose waits go by the monotonic clock, and the time so
 * many seconds from now on it.  By the wall clock a wait of a moment lasts an hour where that is
 * put back by one.
 */
void clock_cond_init(pthread_cond_t *cond);
struct timespec clock_after(double seconds);
/* "850 ms", "42 s", "14 min", "2 h 05 min", "3 d 04 h" */
void clock_in_words(double seconds, char *out, size_t size);
/* Whether the zone that TZ names is known here: libc takes UTC for one that is not, and says
 * nothing.
 */
bool clock_zone(struct err *err) MUST_CHECK;
