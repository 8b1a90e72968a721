/* SPDX-License-Identifier: GPL-3.0-or-later */
/* /proc/pressure: totals and not averages, since the shortest average looks back ten seconds.  A
 * server's disk is found by its processes. */
#include "lib/drivers/pressure.h"
#include "lib/core/mem.h"
#include "lib/drivers/proc.h"
#include <errno.h>
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

struct processors processors_read(void)
{
	AUTO_FILE FILE *f = fopen("/proc/stat", "re");
	unsigned long long user, nice, system, idle, iowait, irq, softirq;

	if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
			 &iowait, &irq, &softirq) != 7)
		return (struct processors){ -1, -1 };
	double busy = (double)(user + nice + system + irq + softirq);

	return (struct processors){ busy, busy + (double)(idle + iowait) };
}

/* The server's own process: the parent of its backends. */
static pid_t server_of(pid_t backend)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	return proc_read(backend, "cmdline", &text) && strncmp(text.data, "postgres: ", 10) == 0
		       ? proc_parent(backend)
		       : 0;
}

/* As the server's command line has it, which anybody may read. */
static bool named_by_server(pid_t backend, char *ret, size_t size)
{
	AUTO_STRBUF struct strbuf args = { 0 };
	pid_t server = server_of(backend);

	if (server <= 0 || !proc_read(server, "cmdline", &args))
		return false;

	const char *end = args.data + args.len;

	for (const char *arg = args.data; arg < end; arg += strlen(arg) + 1) {
		if (strncmp(arg, "-D", 2) != 0)
			continue;
		const char *path = arg[2] ? arg + 2 : arg + 3;
		snprintf(ret, size, "%s", path < end ? path : "");
		return *ret == '/' && strlen(path) < size;
	}
	return false;
}

/* A backend works in its data directory, but only root and its own user may look there.  In another
 * pid namespace it is no process of ours. */
static bool data_directory(int backend, char *ret, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/cwd/PG_VERSION", backend);
	if (backend <= 0)
		return false;
	if (access(path, R_OK) != 0)
		return named_by_server(backend, ret, size);
	snprintf(ret, size, "/proc/%d/cwd", backend);
	return true;
}

static bool is_mount(const char *path)
{
	AUTO_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	char at[4096];

	while (f && fscanf(f, "%*s %*s %*s %*s %4095s%*[^\n]", at) == 1) {
		if (strcmp(at, path) == 0)
			return true;
	}
	return !f;
}

/* Where it may not be entered, a directory above it that is on the same file system tells. */
static bool stat_near(char *path, struct statvfs *v)
{
	while (statvfs(path, v) != 0) {
		char *end = strrchr(path, '/');
		if (errno != EACCES || !end || end == path || is_mount(path))
			return false;
		*end = '\0';
	}
	return true;
}

/* As df counts: blocks that only root may take are of no use. */
static double full(const char *directory, const char *below)
{
	struct statvfs v;
	char path[4200];

	snprintf(path, sizeof(path), "%s%s", directory, below);
	if (!stat_near(path, &v))
		return -1;
	double used = (double)(v.f_blocks - v.f_bfree), left = (double)v.f_bavail;
	return used + left > 0 ? used / (used + left) : -1;
}

double pressure_disk(int backend)
{
	char path[4096];

	if (!data_directory(backend, path, sizeof(path)))
		return -1;
	return fmax(full(path, ""), full(path, "/pg_wal"));
}

double pressure_room(int backend)
{
	struct statvfs v;
	char path[4096];

	if (!data_directory(backend, path, sizeof(path)) || !stat_near(path, &v))
		return -1;
	return (double)v.f_bavail * (double)v.f_frsize;
}
