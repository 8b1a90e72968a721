/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks at processes and not at units, so that it also works in containers and without systemd.  It
 * is a doubt and never a refusal: a service may hang, or have been started a moment ago, and a row
 * of any Pulp's database is only written where its own file verifies.
 */
#include "lib/pulp/live.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/proc.h"
#include <stdio.h>
#include <string.h>

static const char *const programs[] = { "pulpcore-api", "pulpcore-content", "pulpcore-worker" };
/* What gunicorn is told to load where no wrapper starts it. */
static const char *const applications[] = { "pulpcore.app.wsgi:application",
					    "pulpcore.content:server" };

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

/* False only when the process says that it uses another settings file. */
static bool uses_settings(pid_t pid, const char *settings)
{
	AUTO_FREE char *its = proc_variable(pid, "PULP_SETTINGS");

	return !its || strcmp(its, settings) == 0;
}

struct tally {
	const char *settings;
	int n;
};

static bool count_service(pid_t pid, void *arg)
{
	struct tally *t = arg;
	struct strbuf cmdline AUTO_STRBUF = { 0 };

	t->n += proc_read(pid, "cmdline", &cmdline) && live_is_service(cmdline.data, cmdline.len) &&
		uses_settings(pid, t->settings);
	return false;
}

static int count_services(const char *settings)
{
	struct tally t = { .settings = settings };

	(void)proc_find(count_service, &t);
	return t.n;
}

bool pulp_live_doubt(struct pg *db, const struct pulp_schema *s, const struct place *place,
		     char *text, size_t size)
{
	struct pulp_services online;
	struct err err;
	const char *settings =
		place->settings_inside ? place->settings_inside : place->settings_source;
	int processes = settings ? count_services(settings) : 0;

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
