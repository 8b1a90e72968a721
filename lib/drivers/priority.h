/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads and processes that step back behind others of this host. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* How far: 0 not at all, 1 to 19 its niceness, and last: it gets the processor only while nobody
 * else wants it (SCHED_IDLE, sched(7)), and is taken off it at once when somebody does.  Aside is
 * last, and on half of the processors only: one that falls idle fetches who waits at another, and
 * one that we never leave idle does not, so that users queue behind each other beside our work. */
enum { PRIORITY_LAST = 20, PRIORITY_ASIDE };

/* The calling thread; of the disk it gets the lowest level of access that is not idle.  Whoever is
 * lower stays so; where the kernel refuses nothing changes.  Not aside. */
void priority_lower(int far);
/* The same, aside too, and 0: it is again as the program's first thread is, where it may be. */
void priority_become(int far);
/* The same as the first, aside too, for a process of somebody else's, with all that the kernel
 * schedules as one with it.  Processors are those of its parent. */
void priority_lower_task(pid_t task, int far);
/* The task becomes again what another one is, which takes priority_may_raise(). */
void priority_restore(pid_t task, pid_t like);
/* How many processors are left to who is aside. */
int priority_room_aside(void);
/* Whether what was lowered can be raised again: CAP_SYS_NICE. */
bool priority_may_raise(void);
