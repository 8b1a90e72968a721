/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time from the kernel, and time in words. */
#include "lib/core/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(clockid_t id)
{
	struct timespec ts;

	(void)clock_gettime(id, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double clock_monotonic(void)
{
	return now(CLOCK_MONOTONIC);
}

double clock_wall(void)
{
	return now(CLOCK_REALTIME);
}

void clock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t monotonic;

	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(cond, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

struct timespec clock_after(double seconds)
{
	double at = clock_monotonic() + seconds, whole = floor(at);

	return (struct timespec){ .tv_sec = (time_t)whole, .tv_nsec = (long)((at - whole) * 1e9) };
}

void clock_rfc3339(double wall, char *out, size_t size)
{
	double whole = floor(wall);
	int ms = (int)((wall - whole) * 1000.0);
	time_t t = (time_t)whole;
	struct tm tm;

	(void)gmtime_r(&t, &tm);
	(void)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ms);
}

/* Thresholds lie where rounding to the unit would otherwise print "60 s" or "60 min". */
void clock_in_words(double seconds, char *out, size_t size)
{
	if (!isfinite(seconds) || seconds < 0) {
		(void)snprintf(out, size, "unknown");
	} else if (seconds < 0.9995) {
		(void)snprintf(out, size, "%.0f ms", seconds * 1000);
	} else if (seconds < 9.95) {
		(void)snprintf(out, size, "%.1f s", seconds);
	} else if (seconds < 119.5) {
		(void)snprintf(out, size, "%.0f s", seconds);
	} else if (seconds < 119.5 * 60) {
		(void)snprintf(out, size, "%.0f min", seconds / 60);
	} else if (seconds < 48 * 3600.0 - 30) {
		long minutes = lround(seconds / 60);

		(void)snprintf(out, size, "%ld h %02ld min", minutes / 60, minutes % 60);
	} else {
		long hours = lround(seconds / 3600);

		(void)snprintf(out, size, "%ld d %02ld h", hours / 24, hours % 24);
	}
}

bool clock_zone(struct err *err)
{
	const char *name = getenv("TZ"), *dir = getenv("TZDIR");
	char path[512];

	if (name && *name == ':')
		name++;
	if (!name || !*name || strcmp(name, "UTC") == 0 || strcmp(name, "GMT") == 0)
		return true;
	(void)snprintf(path, sizeof(path), "%s/%s",
		       *name == '/' ? ""
		       : dir	    ? dir
				    : "/usr/share/zoneinfo",
		       name);
	/* "EST5EDT" and "<+01>-1" carry their rules in themselves. */
	if (access(path, R_OK) == 0 || strchr(name, ',') ||
	    (!strchr(name, '/') && strpbrk(name, "0123456789")))
		return true;
	(void)err_set(err, ERR_CONFIG, "TZ names the time zone '%s', which is not known here",
		      name);
	return err_hint(err, "Install tzdata, or name a zone that is below /usr/share/zoneinfo.");
}
