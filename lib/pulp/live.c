/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks at processes and not at units, so that it also works in containers and without systemd.  It
 * is a doubt and never a refusal: a service may hang, or have been started a moment ago, and a row
 * of any Pulp's database is only written where its own file verifies.
 */
#include "lib/pulp/live.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROC_FILE_MAX = 64 << 10 };

static const char *const programs[] = { "pulpcore-api", "pulpcore-content", "pulpcore-worker" };
/* What gunicorn is told to load where no wrapper starts it. */
static const char *const applications[] = { "pulpcore.app.wsgi:application",
					    "pulpcore.content:server" };

static void auto_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

bool live_is_service(const char *cmdline, size_t len)
{
	int index = 0;

	for (const char *arg = cmdline, *end = cmdline + len; arg < end; index++) {
		size_t n = strnlen(arg, (size_t)(end - arg));
		const char *slash = memrchr(arg, '/', n);
		const char *name = slash ? slash + 1 : arg;
		size_t name_len = n - (size_t)(name - arg);

		/* The interpreter comes first where a script is run. */
		for (size_t i = 0; i < ARRAY_LEN(programs) && index < 2; i++)
			if (name_len == strlen(programs[i]) &&
			    memcmp(name, programs[i], name_len) == 0)
				return true;
		for (size_t i = 0; i < ARRAY_LEN(applications); i++)
			if (n == strlen(applications[i]) && memcmp(arg, applications[i], n) == 0)
				return true;
		arg += n + 1;
	}
	return false;
}

static bool read_proc(const char *pid, const char *name, struct strbuf *out)
{
	char path[64], buf[4096];
	ssize_t n = -1;

	snprintf(path, sizeof path, "/proc/%.20s/%s", pid, name);
	int fd AUTO_FD = open(path, O_RDONLY | O_CLOEXEC);
	strbuf_clear(out);
	while (fd >= 0 && out->len < PROC_FILE_MAX && (n = read(fd, buf, sizeof buf)) > 0)
		strbuf_add(out, buf, (size_t)n);
	return n >= 0 && out->len > 0;
}

/* False only when the process says that it uses another settings file. */
static bool uses_settings(const char *pid, const char *settings)
{
	static const char name[] = "PULP_SETTINGS=";
	struct strbuf env AUTO_STRBUF = { 0 };

	if (!read_proc(pid, "environ", &env))
		return true;
	for (const char *p = env.data, *end = p + env.len; p < end; p += strlen(p) + 1)
		if (strncmp(p, name, sizeof name - 1) == 0)
			return strcmp(p + sizeof name - 1, settings) == 0;
	return true;
}

static int count_services(const char *settings)
{
	struct strbuf cmdline AUTO_STRBUF = { 0 };
	DIR *proc __attribute__((cleanup(auto_closedir))) = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while (proc && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    read_proc(entry->d_name, "cmdline", &cmdline) &&
		    live_is_service(cmdline.data, cmdline.len) &&
		    uses_settings(entry->d_name, settings))
			n++;
	return n;
}

bool pulp_live_doubt(struct pg *db, const struct pulp_schema *s, const struct place *place,
		     char *text, size_t size)
{
	struct pulp_services online;
	struct err err;
	int processes = place->settings_source ? count_services(place->settings_source) : 0;

	if (processes == 0 || !pulp_services_online(db, s, place, &online, &err))
		return false;
	if (online.workers + online.api + online.content > 0)
		return false;
	snprintf(
		text, size,
		"services of Pulp run on this host with %s (%d seen), but the database of %s has no fresh "
		"heartbeat: it may not be the one they use",
		place->settings_source, processes, place->conninfo_source);
	return true;
}
