/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A unit that is enabled and does not run is what a reboot or an upgrade has left half done.  Asked
 * is systemd; what the services say of themselves is for the checks of their heartbeats.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/process.h"
#include "lib/host/features.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_OUTPUT = 1 << 20, MOST_WORDS = 128 };
static const double answer_within = 5.0; /* seconds */

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

struct unit {
	char name[128], state[32], sub[32], file[32], type[32];
};
struct seen {
	struct outcome *out;
	struct strbuf names; /* "\na.service\nb.service\n": each is shown once */
	int units, bad;
};

static void judge(struct seen *s, const struct unit *u)
{
	bool enabled = strncmp(u->file, "enabled", 7) == 0;
	bool failed = strcmp(u->state, "failed") == 0;
	bool restarts = strcmp(u->sub, "auto-restart") == 0;
	/* One that does its work and ends is not missing. */
	bool gone = enabled && strcmp(u->state, "inactive") == 0 && strcmp(u->type, "oneshot") != 0;

	if (!*u->name || (!enabled && !failed && strcmp(u->state, "active") != 0))
		return;
	AUTO_FREE char *line = xasprintf("\n%s\n", u->name);

	if (s->names.len && strstr(s->names.data, line))
		return;
	strbuf_adds(&s->names, line);
	s->units++;
	if (!failed && !restarts && !gone)
		return;
	s->bad++;
	outcome_example(s->out, "%s %s", u->name,
			failed	   ? "has failed"
			: restarts ? "ends and is started again, over and over"
				   : "is enabled and does not run");
}

static void take(struct unit *u, const char *line, size_t len)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} places[] = { { "Id=", u->name, sizeof(u->name) },
		       { "ActiveState=", u->state, sizeof(u->state) },
		       { "SubState=", u->sub, sizeof(u->sub) },
		       { "UnitFileState=", u->file, sizeof(u->file) },
		       { "Type=", u->type, sizeof(u->type) } };

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		size_t key = strlen(places[i].key);

		if (len >= key && memcmp(line, places[i].key, key) == 0)
			snprintf(places[i].to, places[i].size, "%.*s", (int)(len - key),
				 line + key);
	}
}

/* Units are lines of key=value, with an empty line between two. */
static void read_units(struct seen *s, const char *text)
{
	struct unit u = { 0 };

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");

		take(&u, line, len);
		if (len > 0 && line[len] && line[len + 1] && line[len + 1] != '\n')
			continue;
		judge(s, &u);
		u = (struct unit){ 0 };
	}
}

/* The patterns of what was found on this host, behind the n words that argv has; how many there are
 * then. */
static size_t add_patterns(const struct probe *p, const char **argv, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		const struct feature *f = feature_by_name(units[i].feature);
		const char *why;

		if (f && f->present(p, &why))
			argv[n++] = units[i].pattern;
	}
	argv[n] = NULL;
	return n;
}

static bool ask(const char *const *argv, struct strbuf *text, struct err *err)
{
	int status;

	if (!process_run(&(struct process_options){ .argv = argv,
						    .timeout = answer_within,
						    .max_output = MOST_OUTPUT },
			 text, &status, err))
		return false;
	return status == 0 ||
	       err_set(err, ERR_IO, "systemctl %s ended with exit status %d", argv[1], status);
}

/* A pattern finds what systemd has in memory; a unit that was stopped may have gone from there, so
 * those that are enabled are named as well.  text keeps the names. */
static bool add_enabled(const struct probe *p, const char **argv, size_t n, struct strbuf *text,
			struct err *err)
{
	static const char *const words[] = { "systemctl",
					     "list-unit-files",
					     "--no-legend",
					     "--no-pager",
					     "--state=enabled,enabled-runtime",
					     "--" };
	const char *list[MOST_WORDS];
	char *rest = NULL;

	memcpy(list, words, sizeof(words));
	if (add_patterns(p, list, ARRAY_LEN(words)) == ARRAY_LEN(words))
		return true;
	if (!ask(list, text, err))
		return false;
	if (!text->len)
		return true;
	for (char *line = strtok_r(text->data, "\n", &rest); line && n + 1 < MOST_WORDS;
	     line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, " ")] = '\0';
		/* A template runs by its instances, which are in memory while they are wanted. */
		if (*line && !strstr(line, "@."))
			argv[n++] = line;
	}
	argv[n] = NULL;
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	static const char *const words[] = {
		"systemctl", "show", "--no-pager",
		"--property=Id,ActiveState,SubState,UnitFileState,Type", "--"
	};
	const char *argv[MOST_WORDS];
	AUTO_STRBUF struct strbuf text = { 0 }, names = { 0 };
	struct seen seen = { .out = out };
	size_t n;

	(void)params;
	if (access("/run/systemd/system", F_OK) != 0) {
		outcome_set(out, RESULT_SKIPPED, "this host is not run by systemd");
		return true;
	}
	memcpy(argv, words, sizeof(words));
	n = add_patterns(p, argv, ARRAY_LEN(words));
	if (!add_enabled(p, argv, n, &names, err) || !ask(argv, &text, err))
		return false;
	read_units(&seen, text.data ? text.data : "");
	strbuf_release(&seen.names);
	outcome_count(out, "found", seen.bad);
	if (seen.units == 0) {
		outcome_set(out, RESULT_SKIPPED, "systemd runs no service of Pulp on this host");
	} else if (seen.bad == 0) {
		outcome_set(out, RESULT_OK, "%d units of Pulp and what it needs are up",
			    seen.units);
	} else {
		outcome_set(out, RESULT_FINDING, "%d of %d units are down", seen.bad, seen.units);
		outcome_hint(out, "`systemctl status UNIT` and `journalctl -u UNIT` tell why; "
				  "`systemctl start UNIT` starts it.");
	}
	return true;
}

const struct check check_host_services = {
	.label = "host-services",
	.summary = "the services of Pulp on this host are up",
	.explain = "Units of what was found on this host (`plmaint features`): those that have "
		   "failed, that end and are started again, or that are enabled and do not run.",
	.tags = (const char *const[]){ "default", "services", "host", NULL },
	.run = run,
};
