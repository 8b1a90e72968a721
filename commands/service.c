/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The services of this host: which there are, what they do, and moving them. */
#include "procedures/service_set.h"

#include "commands/commands.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "procedures/procedures.h"

#include <string.h>
#include <unistd.h>

struct service_options {
	struct service_choice choice; /* first: the table of the procedures fills it */
	int brief, failing;
};

static const struct opt status_table[] = {
	SERVICE_CHOICE_OPTIONS,
	{ .name = "brief",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct service_options, brief),
	  .help = "one line each" },
	{ .name = "failing",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct service_options, failing),
	  .help = "only those that are meant to run and do not" },
	OPTS_END,
};

static void bind_choice(const void *options, void *params)
{
	memcpy(params, options, sizeof(struct service_choice));
}

static void say_cautions(struct session *s, const struct service_set *set)
{
	if (set->cautions)
		EMIT(s->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", set->cautions),
		     F_TEXT("hint", geteuid() == 0 ? "`plmaint features` shows what is known of "
						     "Pulp here."
						   : "Run it with sudo."));
}

static const char *state_of(const struct service *one)
{
	return one->kind == SERVICE_UNIT     ? one->unit.active
	       : one->kind == SERVICE_REMOTE ? "remote"
					     : "loose";
}

static void tell(struct session *s, const struct service *one, const char *line)
{
	bool unit = one->kind == SERVICE_UNIT;

	EMIT(s->reporter, "service", F_TEXT("name", one->name), F_TEXT("feature", one->feature),
	     F_TEXT("state", state_of(one)), F_TEXT("sub", unit ? one->unit.sub : NULL),
	     F_TEXT("enabled", unit && *one->unit.file ? one->unit.file : NULL),
	     F_BOOL("remembered", one->remembered), F_BOOL("fails", service_fails(one)),
	     F_INT("pid", one->unit.pid), F_TEXT("message", one->seen));
	s->reporter->print(s->reporter->self, line);
}

static bool list(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct service_options *o = options;
	AUTO_SERVICE_SET struct service_set set = { .cautions = NULL };

	(void)exit_status;
	if (!service_set_find(s->probe, &o->choice, &set, err))
		return false;
	say_cautions(s, &set);
	for (size_t i = 0; i < set.services.n; i++) {
		const struct service *one = &set.services.all[i];
		const char *file = one->kind == SERVICE_UNIT ? one->unit.file : state_of(one);
		AUTO_FREE char *line =
			xasprintf("%-12s %-44s %s\n", one->feature, one->name, *file ? file : "-");

		if (one->chosen)
			tell(s, one, line);
	}
	if (!set.services.n)
		s->reporter->print(s->reporter->self, "No service of Pulp is on this host.\n");
	return true;
}

static void show(struct session *s, const struct service *one, bool brief)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	bool unit = one->kind == SERVICE_UNIT;

	strbuf_addf(&out, "%-4s %-44s %s", service_fails(one) ? "FAIL" : "ok", one->name,
		    state_of(one));
	if (unit && *one->unit.sub)
		strbuf_addf(&out, " (%s)", one->unit.sub);
	if (unit && strcmp(one->unit.active, "failed") == 0)
		strbuf_addf(&out, ": %s", one->unit.result);
	if (one->remembered)
		strbuf_adds(&out,
			    unit_runs(&one->unit) ? ", remembered" : ", stopped and remembered");
	strbuf_adds(&out, "\n");
	if (!brief) {
		if (unit && *one->unit.description)
			strbuf_addf(&out, "       %s\n", one->unit.description);
		strbuf_addf(&out, "       %s: %s", one->feature, one->seen);
		if (unit && *one->unit.file)
			strbuf_addf(&out, "; %s", one->unit.file);
		strbuf_adds(&out, "\n");
	}
	tell(s, one, out.data);
}

/* Whether one of the chosen should answer: it runs, or is on another host. */
static bool answers_for(const struct services *all, const char *feature)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct service *one = &all->all[i];

		if (one->chosen && strcmp(one->feature, feature) == 0 &&
		    (one->kind != SERVICE_UNIT || unit_runs(&one->unit)))
			return true;
	}
	return false;
}

/* False: one does not answer. */
static bool ask_them(struct session *s, const struct service_set *set, bool failing)
{
	static const char *const features[] = { "redis", "postgresql", "pulp" };
	bool ok = true;
	char why[512];

	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		if (!answers_for(&set->services, features[i]))
			continue;

		enum result r = service_set_answers(s->probe, set, features[i], why, sizeof(why));
		AUTO_FREE char *line =
			xasprintf("%-4s %s %s%s\n", r == RESULT_OK ? "ok" : "FAIL", features[i],
				  r == RESULT_OK ? "answers" : "does not answer: ", why);

		if (r == RESULT_SKIPPED)
			continue;
		ok &= r == RESULT_OK;
		EMIT(s->reporter, "answer", F_TEXT("feature", features[i]),
		     F_BOOL("answers", r == RESULT_OK), F_TEXT("message", *why ? why : NULL));
		if (!failing || r != RESULT_OK)
			s->reporter->print(s->reporter->self, line);
	}
	return ok;
}

static bool status(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct service_options *o = options;
	AUTO_SERVICE_SET struct service_set set = { .cautions = NULL };

	if (!service_set_find(s->probe, &o->choice, &set, err))
		return false;
	say_cautions(s, &set);
	for (size_t i = 0; i < set.services.n; i++) {
		const struct service *one = &set.services.all[i];

		if (!one->chosen)
			continue;
		if (service_fails(one))
			*exit_status = EXIT_FAILED;
		if (service_fails(one) || !o->failing)
			show(s, one, o->brief);
	}
	if (!ask_them(s, &set, o->failing))
		*exit_status = EXIT_FAILED;
	if (!set.services.n)
		s->reporter->print(s->reporter->self, "No service of Pulp is on this host.\n");
	return true;
}

/* Units that have no line [Install], or are made by a generator, cannot be. */
static bool can_be_enabled(const struct service *one)
{
	return strcmp(one->unit.file, "enabled") == 0 || strcmp(one->unit.file, "disabled") == 0;
}

static bool enable_or_disable(struct session *s, const struct service_options *o, const char *verb,
			      int *exit_status, struct err *err)
{
	AUTO_SERVICE_SET struct service_set set = { .cautions = NULL };
	AUTO_NAMES struct names names = { .n = 0 };
	AUTO_STRBUF struct strbuf said = { 0 };
	int code = 0;

	if (!service_set_find(s->probe, &o->choice, &set, err))
		return false;
	say_cautions(s, &set);
	for (size_t i = 0; i < set.services.n; i++) {
		const struct service *one = &set.services.all[i];

		if (!one->chosen || one->kind != SERVICE_UNIT)
			continue;
		if (can_be_enabled(one)) {
			names_add(&names, one->name);
			continue;
		}
		AUTO_FREE char *text = xasprintf("%s stays %s", one->name, one->unit.file);

		*exit_status = EXIT_WARNINGS;
		EMIT(s->reporter, "notice", F_TEXT("level", "warning"), F_TEXT("message", text),
		     F_TEXT("hint", "What makes that unit says whether it starts with the host."));
	}
	if (names.n && !units_do(verb, &names, 60, &said, &code, err))
		return false;
	if (code) {
		(void)err_set(err, ERR_IO, "systemctl %s: %.*s", verb,
			      (int)strcspn(said.len ? said.data : "", "\n"),
			      said.len ? said.data : "");
		return err_hint(err, "`plmaint service list` shows how far it came.");
	}
	if (!services_look(&set.services, err))
		return false;
	for (size_t i = 0; i < set.services.n; i++) {
		const struct service *one = &set.services.all[i];
		AUTO_FREE char *line = xasprintf("%-44s %s\n", one->name, one->unit.file);

		if (names_has(&names, one->name))
			tell(s, one, line);
	}
	return true;
}

static bool enable(struct session *s, const void *options, int *exit_status, struct err *err)
{
	return enable_or_disable(s, options, "enable", exit_status, err);
}

static bool disable(struct session *s, const void *options, int *exit_status, struct err *err)
{
	return enable_or_disable(s, options, "disable", exit_status, err);
}

static const struct step stop_steps[] = {
	{ .procedure = &procedure_services_stop, .bind = bind_choice, .why = "asked for" },
	STEPS_END,
};
static const struct step start_steps[] = {
	{ .procedure = &procedure_services_start, .bind = bind_choice, .why = "asked for" },
	STEPS_END,
};
static const struct step restart_steps[] = {
	{ .procedure = &procedure_services_restart, .bind = bind_choice, .why = "asked for" },
	STEPS_END,
};

const struct command command_service = {
	.name = "service",
	.summary = "the services of this host: list, status, stop, start",
	.explain =
		"Services are found by what runs: the processes that sign on in Pulp's database "
		"and those that listen where Pulp has its database and its cache; units are known "
		"by their names where nothing runs. Features are redis, postgresql, pulp, "
		"candlepin, foreman, web (a web server that is configured for Pulp), smart-proxy "
		"and timers; they start in this order and stop in reverse. A database on another "
		"host is shown and never touched.",
	.actions =
		(const struct action[]){
			{ .name = "list",
			  .summary = "list the services and whether they start with the host",
			  .example = "plmaint service list",
			  .options = service_choice_table,
			  .options_size = sizeof(struct service_options),
			  .needs = NEED_SYSTEMD,
			  .answer = list },
			{ .name = "status",
			  .summary = "say what each service does, and ask whether it answers",
			  .example = "plmaint service status --failing",
			  .explain =
				  "Exit status 1: one that is meant to run does not, or does not "
				  "answer in its own protocol.",
			  .options = status_table,
			  .options_size = sizeof(struct service_options),
			  .needs = NEED_SYSTEMD,
			  .answer = status },
			{ .name = "stop",
			  .summary = "stop the services that run, and remember them",
			  .example = "plmaint service stop --exclude postgresql",
			  .options = service_choice_table,
			  .options_size = sizeof(struct service_options),
			  .scenario = stop_steps },
			{ .name = "start",
			  .summary = "start the services that were stopped, and wait for them",
			  .example = "plmaint service start",
			  .explain = "Exactly those that `service stop` has stopped, also when it "
				     "was killed; where none is remembered, those that start with "
				     "the host.",
			  .options = service_choice_table,
			  .options_size = sizeof(struct service_options),
			  .scenario = start_steps },
			{ .name = "restart",
			  .summary = "stop the services and start them again",
			  .example = "plmaint service restart --only pulp",
			  .options = service_choice_table,
			  .options_size = sizeof(struct service_options),
			  .scenario = restart_steps },
			{ .name = "enable",
			  .summary = "let the services start with the host",
			  .example = "plmaint service enable --only pulp",
			  .options = service_choice_table,
			  .options_size = sizeof(struct service_options),
			  .needs = NEED_ROOT | NEED_SYSTEMD,
			  .flags = ACTION_WRITES,
			  .answer = enable },
			{ .name = "disable",
			  .summary = "keep the services from starting with the host",
			  .example = "plmaint service disable --only pulp",
			  .options = service_choice_table,
			  .options_size = sizeof(struct service_options),
			  .needs = NEED_ROOT | NEED_SYSTEMD,
			  .flags = ACTION_WRITES,
			  .answer = disable },
			{ 0 },
		},
};
