/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linux has both by thread; the C library has no name for the second. */
#include "lib/drivers/priority.h"
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WHO_PROCESS = 1, CLASS = 13, BEST_EFFORT = 2, IDLE = 3, LOWEST = 7 };

void priority_lower(int nice)
{
	id_t thread = (id_t)syscall(SYS_gettid);

	/* Whoever started the program may have put it lower. */
	if (nice > getpriority(PRIO_PROCESS, thread))
		(void)setpriority(PRIO_PROCESS, thread, nice);
	if (syscall(SYS_ioprio_get, WHO_PROCESS, thread) >> CLASS != IDLE)
		(void)syscall(SYS_ioprio_set, WHO_PROCESS, thread, BEST_EFFORT << CLASS | LOWEST);
}
