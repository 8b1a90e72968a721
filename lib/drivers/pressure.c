/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /proc/pressure: totals and not averages, since the shortest average looks back ten seconds. */
#include "lib/drivers/pressure.h"
#include "lib/core/mem.h"
#include <stdio.h>
#include <string.h>

static double total(const char *path, const char *kind)
{
	AUTO_FILE FILE *f = fopen(path, "re");
	char word[8];
	unsigned long long us;

	while (f && fscanf(f, "%7s %*s %*s %*s total=%llu", word, &us) == 2) {
		if (strcmp(word, kind) == 0)
			return (double)us;
	}
	return -1;
}

struct pressure pressure_read(void)
{
	return (struct pressure){ .cpu_some = total("/proc/pressure/cpu", "some"),
				  .io_full = total("/proc/pressure/io", "full"),
				  .memory_full = total("/proc/pressure/memory", "full") };
}
