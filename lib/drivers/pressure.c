/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /proc/pressure: totals and not averages, since the shortest average looks back ten seconds. */
#include "lib/drivers/pressure.h"
#include "lib/core/mem.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

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

/* As df counts: blocks that only root may take are of no use. */
static double full(int backend, const char *below)
{
	struct statvfs v;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd/%s", backend, below);
	if (statvfs(path, &v) != 0)
		return -1;
	double used = (double)(v.f_blocks - v.f_bfree), left = (double)v.f_bavail;
	return used + left > 0 ? used / (used + left) : -1;
}

/* A backend works in its data directory; in another pid namespace it is no process of ours. */
static bool is_backend(int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd/PG_VERSION", pid);
	return pid > 0 && access(path, R_OK) == 0;
}

double pressure_room(int backend)
{
	struct statvfs v;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd", backend);
	if (!is_backend(backend) || statvfs(path, &v) != 0)
		return -1;
	return (double)v.f_bavail * (double)v.f_frsize;
}

double pressure_disk(int backend)
{
	if (!is_backend(backend))
		return -1;
	return fmax(full(backend, "."), full(backend, "pg_wal"));
}
