/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linux has both by thread; the C library has no name for the second. */
#include "lib/drivers/priority.h"
#include "lib/core/mem.h"
#include "lib/drivers/proc.h"
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WHO_PROCESS = 1, CLASS = 13, BEST_EFFORT = 2, IDLE = 3, LOWEST = 7 };
enum { NICEST = 19, CAPABILITY_NICE = 23 /* capabilities(7) */ };

static void lower(pid_t task, int far)
{
	int nice = far < NICEST ? far : NICEST;

	/* Whoever started the program may have put it lower. */
	if (nice > getpriority(PRIO_PROCESS, (id_t)task))
		(void)setpriority(PRIO_PROCESS, (id_t)task, nice);
	if (far >= PRIORITY_LAST)
		(void)sched_setscheduler(task, SCHED_IDLE, &(struct sched_param){ 0 });
	if (syscall(SYS_ioprio_get, WHO_PROCESS, task) >> CLASS != IDLE)
		(void)syscall(SYS_ioprio_set, WHO_PROCESS, task, BEST_EFFORT << CLASS | LOWEST);
}

/* On the processors of another one, or on the second half of them. */
static void spread(pid_t task, pid_t like, bool half)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(like, sizeof(set), &set) != 0)
		return; /* more than it has room for: everywhere */
	n = half ? CPU_COUNT(&set) / 2 : 0;
	for (size_t cpu = 0; n > 0; cpu++) {
		if (CPU_ISSET(cpu, &set)) {
			CPU_CLR(cpu, &set);
			n--;
		}
	}
	(void)sched_setaffinity(task, sizeof(set), &set);
}

/* Where the kernel groups the tasks of each session of its own (sched(7), autogroup) a task is nice
 * to those of its group only, and the group as a whole is to others. */
static void lower_group(pid_t task, int nice)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/autogroup", (int)task);
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
	char text[8];
	int n = snprintf(text, sizeof(text), "%d", nice);

	if (fd >= 0 && write(fd, text, (size_t)n) != n)
		return; /* it is as it was */
}

void priority_lower(int far)
{
	lower((pid_t)syscall(SYS_gettid), far);
}

void priority_lower_task(pid_t task, int far)
{
	lower(task, far);
	spread(task, proc_parent(task), far == PRIORITY_ASIDE);
	lower_group(task, far < NICEST ? far : NICEST);
}

static void restore(pid_t task, pid_t like)
{
	int policy = sched_getscheduler(like);
	int nice = getpriority(PRIO_PROCESS, (id_t)like);

	if (policy == SCHED_OTHER || policy == SCHED_BATCH)
		(void)sched_setscheduler(task, policy, &(struct sched_param){ 0 });
	(void)setpriority(PRIO_PROCESS, (id_t)task, nice);
	spread(task, like, false);
	(void)syscall(SYS_ioprio_set, WHO_PROCESS, task,
		      syscall(SYS_ioprio_get, WHO_PROCESS, like));
}

void priority_restore(pid_t task, pid_t like)
{
	restore(task, like);
	lower_group(task, getpriority(PRIO_PROCESS, (id_t)like));
}

void priority_become(int far)
{
	pid_t task = (pid_t)syscall(SYS_gettid);

	if (far > 0) {
		lower(task, far);
		spread(task, getpid(), far == PRIORITY_ASIDE);
	} else if (priority_may_raise()) {
		restore(task, getpid());
	}
}

int priority_room_aside(void)
{
	cpu_set_t set;

	if (sched_getaffinity(getpid(), sizeof(set), &set) != 0)
		return INT_MAX;
	return CPU_COUNT(&set) - CPU_COUNT(&set) / 2;
}

bool priority_may_raise(void)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	const char *at =
		proc_read_text(getpid(), "status", &text) ? strstr(text.data, "\nCapEff:") : NULL;

	return at && strtoull(at + strlen("\nCapEff:"), NULL, 16) >> CAPABILITY_NICE & 1;
}
