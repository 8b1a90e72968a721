/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linux has both by thread; the C library has no name for the second. */
#include "lib/drivers/priority.h"
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WHO_PROCESS = 1, BEST_EFFORT = 2 << 13, LOWEST = 7 };

void priority_lower(int nice)
{
	id_t thread = (id_t)syscall(SYS_gettid);

	(void)setpriority(PRIO_PROCESS, thread, nice);
	(void)syscall(SYS_ioprio_set, WHO_PROCESS, thread, BEST_EFFORT | LOWEST);
}
