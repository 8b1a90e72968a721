/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A unit that is enabled and does not run is what a reboot or an upgrade has left half done.  Asked
 * is systemd; what the services say of themselves is for the checks of their heartbeats.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/host/features.h"
#include "lib/host/unit.h"

#include <string.h>
#include <unistd.h>

/* Debian's postgresql.service is always active and says nothing of its clusters. */
static const struct {
	const char *feature, *pattern;
} units[] = {
	{ "pulp-services", "pulpcore*.service" },
	{ "pulp-services", "pulpcore*.socket" },
	{ "pulp-services", "nginx.service" },
	{ "pulp-services", "httpd.service" },
	{ "pulp-services", "apache2.service" },
	{ "postgresql", "postgresql*.service" },
	{ "redis", "redis*.service" },
	{ "redis", "valkey*.service" },
	{ "foreman", "foreman*.service" },
	{ "katello", "tomcat*.service" },
	{ "katello", "dynflow*.service" },
	{ "smart-proxy", "foreman-proxy.service" },
};

struct seen {
	struct outcome *out;
	struct names names; /* an alias shows the same unit again */
	int units, bad;
};

static void judge(struct seen *s, const struct unit *u)
{
	bool enabled = strncmp(u->file, "enabled", 7) == 0;
	bool failed = strcmp(u->active, "failed") == 0;
	bool restarts = strcmp(u->sub, "auto-restart") == 0;
	/* One that does its work and ends is not missing. */
	bool gone = enabled && !unit_runs(u) && strcmp(u->type, "oneshot") != 0;

	if ((!enabled && !failed && !unit_runs(u)) || names_has(&s->names, u->name))
		return;
	names_add(&s->names, u->name);
	s->units++;
	if (!failed && !restarts && !gone)
		return;
	s->bad++;
	outcome_example(s->out, "%s %s", u->name,
			failed	   ? "has failed"
			: restarts ? "ends and is started again, over and over"
				   : "is enabled and does not run");
}

/* The units of the features that this host has. */
static bool find(const struct probe *p, struct units *ret, struct err *err)
{
	const char *patterns[ARRAY_LEN(units) + 1];
	AUTO_NAMES struct names names = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const struct feature *f = feature_by_name(units[i].feature);
		const char *why;

		if (f && f->present(p, &why))
			patterns[n++] = units[i].pattern;
	}
	patterns[n] = NULL;
	return n == 0 || (units_named(patterns, &names, err) && units_show(&names, ret, err));
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_UNITS struct units found = { 0 };
	struct seen seen = { .out = out };

	(void)params;
	if (access("/run/systemd/system", F_OK) != 0) {
		outcome_set(out, RESULT_SKIPPED, "this host is not run by systemd");
		return true;
	}
	if (!find(p, &found, err))
		return false;
	for (size_t i = 0; i < found.n; i++)
		judge(&seen, &found.all[i]);
	names_release(&seen.names);
	outcome_count(out, "found", seen.bad);
	if (seen.units == 0) {
		outcome_set(out, RESULT_SKIPPED, "systemd runs no service of Pulp on this host");
	} else if (seen.bad == 0) {
		outcome_set(out, RESULT_OK, "%d unit(s) of Pulp and what it needs (is|are) up",
			    seen.units);
	} else {
		outcome_set(out, RESULT_FINDING, "%d of %d unit(s) (is|are) down", seen.bad,
			    seen.units);
		outcome_hint(out, "`systemctl status UNIT` and `journalctl -u UNIT` tell why; "
				  "`plmaint service start` starts them.");
	}
	return true;
}

const struct check check_host_services = {
	.label = "host-services",
	.summary = "the services of Pulp on this host are up",
	.source = "systemd",
	.explain = "Units of what was found on this host (`plmaint features`): those that have "
		   "failed, that end and are started again, or that are enabled and do not run.",
	.tags = (const char *const[]){ "default", "services", "host", NULL },
	.run = run,
};
