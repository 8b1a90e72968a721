/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes first, names second; then what systemd says of the units that were found. */
#include "lib/host/services.h"

#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"
#include "lib/host/certificates.h"
#include "lib/host/process_unit.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* Which of the units that bear a name of the group belong to it. */
enum fallback {
	SERVER, /* all, unless its process is seen or it is on another host */
	OTHERS, /* all */
	WEB	/* those of a web server that is configured for Pulp */
};
struct group {
	const char *feature;
	int priority;
	enum fallback fallback;
	const char *const *patterns;
};

#define SERVICE(feature_, priority_, fallback_, ...) \
	{ .feature = (feature_),                     \
	  .priority = (priority_),                   \
	  .fallback = (fallback_),                   \
	  .patterns = (const char *const[]){ __VA_ARGS__, NULL } },
static const struct group groups[] = {
#include "lib/host/services.def"
};
#undef SERVICE

static const struct group *group_named(const char *feature)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (strcmp(groups[i].feature, feature) == 0)
			return &groups[i];
	return &groups[0];
}

static bool in_group(const struct group *g, const char *unit)
{
	for (const char *const *p = g->patterns; *p; p++)
		if (fnmatch(*p, unit, 0) == 0)
			return true;
	return false;
}

static const struct group *group_of_unit(const char *unit)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (in_group(&groups[i], unit))
			return &groups[i];
	return NULL;
}

static struct service *find(const struct services *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i].name, name) == 0)
			return &s->all[i];
	return NULL;
}

/* seen is taken. */
static void add(struct services *s, enum service_kind kind, const struct group *g, const char *name,
		char *seen)
{
	if (find(s, name)) {
		free(seen);
		return;
	}
	s->all = xrealloc(s->all, (s->n + 1) * sizeof(*s->all));
	s->all[s->n++] = (struct service){ .kind = kind,
					   .feature = g->feature,
					   .priority = g->priority,
					   .name = xstrdup(name),
					   .seen = seen,
					   .chosen = true };
}

static bool has_feature(const struct services *s, const struct group *g)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i].feature, g->feature) == 0)
			return true;
	return false;
}

static void see_process(pid_t pid, struct services *ret)
{
	const struct group *pulp = group_named("pulp");
	AUTO_FREE char *unit = unit_of_process(pid);
	AUTO_FREE char *loose = xasprintf("process %d of Pulp", (int)pid);

	if (unit)
		add(ret, SERVICE_UNIT, pulp, unit,
		    xasprintf("process %d signs on in Pulp's database", (int)pid));
	else
		add(ret, SERVICE_LOOSE, pulp, loose,
		    xstrdup("it signs on in Pulp's database, and no unit runs it"));
}

static void see_heartbeats(const struct service_sight *sight, struct services *ret)
{
	for (size_t i = 0; i < sight->heartbeats->n; i++)
		for (pid_t pid = 0; (pid = process_of_heartbeat(sight->heartbeats->all[i], pid));)
			see_process(pid, ret);
}

static void see_server(const struct service_server *at, struct services *ret)
{
	const struct group *g = group_named(at->feature);
	pid_t pid = (pid_t)at->pid;
	AUTO_FREE char *unit = NULL;

	if (!at->host)
		return;
	if (!host_is_here(at->host)) {
		AUTO_FREE char *name = xasprintf("%s at %s:%s", at->feature, at->host, at->port);

		add(ret, SERVICE_REMOTE, g, name, xstrdup("Pulp's settings name this host"));
		return;
	}
	if (!pid || !process_is(pid, "postgres"))
		pid = process_that_listens(at->host, at->port);
	unit = pid ? unit_of_process(pid) : NULL;
	if (unit)
		add(ret, SERVICE_UNIT, g, unit,
		    xasprintf("process %d serves Pulp as its %s", (int)pid, at->feature));
}

/* What was stopped cannot be seen running. */
static void recall(const struct names *remembered, struct services *ret)
{
	for (size_t i = 0; i < remembered->n; i++) {
		const struct group *g = group_of_unit(remembered->all[i]);

		add(ret, SERVICE_UNIT, g ? g : group_named("pulp"), remembered->all[i],
		    xstrdup("it was stopped and is remembered"));
		find(ret, remembered->all[i])->remembered = true;
	}
}

static bool see_names(struct services *ret, struct err *err)
{
	bool open[ARRAY_LEN(groups)];
	AUTO_NAMES struct names names = { .n = 0 };
	const char *patterns[64];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct group *g = &groups[i];

		open[i] = g->fallback == OTHERS ||
			  (g->fallback == SERVER && !has_feature(ret, g)) ||
			  (g->fallback == WEB && web_server_says("pulp"));
		for (const char *const *p = g->patterns;
		     open[i] && *p && n < ARRAY_LEN(patterns) - 1; p++)
			patterns[n++] = *p;
	}
	patterns[n] = NULL;
	if (!units_named(patterns, &names, err))
		return false;
	for (size_t i = 0; i < names.n; i++)
		if (!find(ret, names.all[i])) {
			add(ret, SERVICE_UNIT, group_of_unit(names.all[i]), names.all[i],
			    xstrdup("its name is that of such a unit"));
			ret->all[ret->n - 1].guessed = true;
		}
	return true;
}

static int by_order(const void *x, const void *y)
{
	const struct service *a = x, *b = y;

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (strcmp(a->feature, b->feature) != 0)
		return strcmp(a->feature, b->feature);
	return strcmp(a->name, b->name);
}

static void drop(struct services *s, size_t i)
{
	struct units one = { &s->all[i].unit, 1 };

	free(one.all->name);
	free(one.all->description);
	free(one.all->triggered_by);
	free(s->all[i].name);
	free(s->all[i].seen);
	memmove(&s->all[i], &s->all[i + 1], (s->n - i - 1) * sizeof(*s->all));
	s->n--;
}

void services_release(struct services *s)
{
	while (s->n)
		drop(s, s->n - 1);
	free(s->all);
	*s = (struct services){ .all = NULL };
}

bool services_look(struct services *s, struct err *err)
{
	AUTO_NAMES struct names names = { .n = 0 };
	AUTO_UNITS struct units units = { .all = NULL };
	size_t at = 0;

	for (size_t i = 0; i < s->n; i++)
		if (s->all[i].kind == SERVICE_UNIT)
			names_add(&names, s->all[i].name);
	if (!units_show(&names, &units, err))
		return false;
	if (units.n != names.n)
		return err_set(err, ERR_DATA, "systemctl showed %zu units of %zu", units.n,
			       names.n);
	for (size_t i = 0; i < s->n; i++) {
		struct unit old = s->all[i].unit;

		if (s->all[i].kind != SERVICE_UNIT)
			continue;
		s->all[i].unit = units.all[at];
		units.all[at++] = old;
	}
	return true;
}

/* Whether it is only a name: not there, another name of one that is, or one that stands for others
 * and runs nothing, as Debian's postgresql.service does. */
static bool is_hollow(const struct services *s, size_t i)
{
	const struct service *one = &s->all[i];
	const struct service *same;

	if (one->kind != SERVICE_UNIT)
		return false;
	same = find(s, one->unit.name);
	if (same && same != one)
		return true;
	if (!one->guessed)
		return false;
	return strcmp(one->unit.load, "not-found") == 0 || strcmp(one->unit.load, "masked") == 0 ||
	       strcmp(one->unit.type, "oneshot") == 0;
}

/* Sockets and timers that start one of them belong to it. */
static bool see_triggers(struct services *s)
{
	size_t before = s->n;

	for (size_t i = 0; i < before; i++) {
		const char *p = s->all[i].kind == SERVICE_UNIT ? s->all[i].unit.triggered_by : "";
		const struct group *g = group_named(s->all[i].feature);

		while (*(p += strspn(p, " "))) {
			AUTO_FREE char *name = xstrndup(p, strcspn(p, " "));
			bool timer =
				strlen(name) > 6 && strcmp(name + strlen(name) - 6, ".timer") == 0;

			p += strlen(name);
			if (unit_is_name(name))
				add(s, SERVICE_UNIT, timer ? group_named("timers") : g, name,
				    xasprintf("it starts %s", s->all[i].name));
		}
	}
	return s->n > before;
}

bool services_find(const struct service_sight *sight, struct services *ret, struct err *err)
{
	AUTO_SERVICES struct services found = { .all = NULL };

	see_heartbeats(sight, &found);
	for (size_t i = 0; i < sight->n_servers; i++)
		see_server(&sight->servers[i], &found);
	recall(sight->remembered, &found);
	if (!see_names(&found, err) || !services_look(&found, err))
		return false;
	for (size_t i = found.n; i-- > 0;)
		if (is_hollow(&found, i))
			drop(&found, i);
	if (see_triggers(&found) && !services_look(&found, err))
		return false;
	if (found.n)
		qsort(found.all, found.n, sizeof(*found.all), by_order);
	*ret = found;
	found = (struct services){ .all = NULL };
	return true;
}

static bool word_means(const char *word, const struct service *s)
{
	AUTO_FREE char *unit = xasprintf("%s.service", word);

	return strcmp(word, s->feature) == 0 || strcmp(word, s->name) == 0 ||
	       strcmp(unit, s->name) == 0 || fnmatch(word, s->name, 0) == 0;
}

static bool is_feature(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		if (strcmp(groups[i].feature, word) == 0)
			return true;
	return false;
}

static bool means_nothing(const struct services *s, const char *option, const char *word,
			  struct err *err)
{
	AUTO_FREE const char **names = xcalloc(s->n + ARRAY_LEN(groups) + 1, sizeof(*names));
	AUTO_NAMES struct names stems = { .n = 0 };
	const char *near;

	for (size_t i = 0; i < s->n; i++) {
		AUTO_FREE char *stem = xstrdup(s->all[i].name);
		char *dot = strrchr(stem, '.');

		/* With the end, which is left out, none would be near. */
		if (dot && strcmp(dot, ".service") == 0)
			*dot = '\0';
		names_add(&stems, stem);
	}
	for (size_t i = 0; i < stems.n; i++)
		names[i] = stems.all[i];
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		names[stems.n + i] = groups[i].feature;
	near = nearest_name(word, names);
	(void)err_set(err, ERR_USAGE, "%s: there is no service '%s'", option, word);
	if (near)
		return err_hint(err, "Did you mean %s?", near);
	return err_hint(err, "`plmaint service list` names features and units.");
}

/* Sets chosen of what the words mean. */
static bool mark(struct services *s, const char *option, const char *words, bool chosen,
		 struct err *err)
{
	for (;;) {
		AUTO_FREE char *word = list_take(&words);

		if (!word)
			return true;

		bool any = is_feature(word);

		for (size_t i = 0; i < s->n; i++) {
			if (!word_means(word, &s->all[i]))
				continue;
			s->all[i].chosen = chosen;
			any = true;
		}
		if (!any)
			return means_nothing(s, option, word, err);
	}
}

bool services_choose(struct services *s, const char *only, const char *exclude, struct err *err)
{
	for (size_t i = 0; i < s->n; i++)
		s->all[i].chosen = !only || !*only;
	return mark(s, "--only", only, true, err) && mark(s, "--exclude", exclude, false, err);
}

bool service_enabled(const struct service *s)
{
	static const char *const words[] = { "enabled", "enabled-runtime", "generated" };

	for (size_t i = 0; s->kind == SERVICE_UNIT && i < ARRAY_LEN(words); i++)
		if (strcmp(s->unit.file, words[i]) == 0)
			return true;
	return false;
}

bool service_fails(const struct service *s)
{
	if (s->kind != SERVICE_UNIT)
		return s->kind == SERVICE_LOOSE;
	return !unit_runs(&s->unit) &&
	       (s->remembered || service_enabled(s) || strcmp(s->unit.active, "failed") == 0);
}
