/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One command line: words, options, configuration, needs, work, status. */
#include "bin/dispatch.h"

#include "bin/background.h"
#include "bin/catalogue.h"
#include "bin/config_files.h"
#include "bin/docs.h"
#include "bin/hooks.h"
#include "bin/provide.h"
#include "bin/words.h"
#include "lib/core/exit.h"
#include "lib/core/list.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/core/runner.h"
#include "lib/core/stop.h"
#include "lib/core/version.h"
#include "lib/drivers/pg.h"
#include "lib/report/help.h"
#include "lib/report/report.h"
#include "lib/report/textfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* All that one command line owns. */
struct line {
	int argc;
	char *const *argv; /* all words but the program's name */
	struct globals globals;
	struct words words;
	const struct command *command, *about_command;
	const struct action *action, *about;
	void *options, *about_options;
	const char **operands;
	struct config *config;
	struct reporter *reporter, *stdout_reporter; /* the second is the first, or below it */
	bool metrics;				     /* the reporter also writes the textfile */
	bool plugin;				     /* the answer is a monitoring plugin's */
	char run_id[37];
	struct provision provision;
	struct background background;
};

static void line_release(struct line *l)
{
	provision_release(&l->provision);
	background_release(&l->background);
	if (l->options)
		options_release(l->action->options, l->options);
	if (l->about_options)
		options_release(l->about->options, l->about_options);
	free(l->options);
	free(l->about_options);
	free(l->operands);
	options_release(global_options, &l->globals);
	config_free(l->config);
	report_close(l->metrics ? textfile_close(l->reporter) : l->reporter);
}
#define AUTO_LINE __attribute__((cleanup(line_release)))

/* A random uuid (RFC 9562, version 4). */
static void make_run_id(char out[37])
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		memset(b, 0, sizeof(b)); /* cannot be: 16 bytes are never cut short */
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	uuid_format(b, out);
}

static bool is_plugin(const struct line *l)
{
	return l->options && l->action->plugin && l->action->plugin(l->options);
}

static void open_reporter(struct line *l)
{
	struct report_options o = { .out = stdout, .quiet = l->globals.quiet, .run_id = l->run_id };

	report_choose(&o, l->globals.json, l->globals.plaintext);
	l->plugin = is_plugin(l);
	if (l->plugin)
		o.style = REPORT_NAGIOS;
	l->reporter = l->stdout_reporter = report_open(&o);
}

/* Also behind the word at which the parser has given up. */
static bool asks_for_json(const struct line *l)
{
	for (int i = 0; i < l->argc && strcmp(l->argv[i], "--") != 0; i++)
		if (strcmp(l->argv[i], "--json") == 0)
			return true;
	return false;
}

/* No mistake in the words or the configuration is told without what helps. */
static void point_at_help(const struct line *l, struct err *err)
{
	const char *command = l->command ? l->command->name : NULL;
	const char *action = l->action ? l->action->name : NULL;

	if (err->code == ERR_CONFIG && !*err->hint)
		(void)err_hint(err, "`plmaint config show` shows each key and where it is set.");
	if (err->code == ERR_USAGE && !*err->hint)
		(void)err_hint(err, "`plmaint %s%s%s%s--help` shows what belongs there.",
			       command ? command : "", command ? " " : "", action ? action : "",
			       action ? " " : "");
}

static int fail(struct line *l, const struct err *why)
{
	struct err err = *why;

	point_at_help(l, &err);
	log_err(&err);
	/* A mistake in the words comes before the reporter is chosen; a program wants it as well.
	 */
	if (!l->reporter && (asks_for_json(l) || is_plugin(l))) {
		l->globals.json = 1;
		open_reporter(l);
	}
	if (l->reporter)
		EMIT(l->reporter, "error", F_TEXT("code", err_code_name(err.code)),
		     F_TEXT("message", err.text), F_TEXT("hint", *err.hint ? err.hint : NULL),
		     F_TEXT("native", *err.native ? err.native : NULL));
	return exit_of_err(&err);
}

/* A report that is cut short must not pass for a whole one; a reader that wants no more of it is
 * none of our business. */
static int tell_lost(int lost, int status)
{
	struct err err;

	if (lost == 0 || lost == EPIPE)
		return status;
	errno = lost;
	(void)err_errno(&err, "cannot write to standard output");
	(void)err_hint(&err, "What was printed is not complete; what was done is done.");
	log_err(&err);
	return status == EXIT_DONE || status == EXIT_WARNINGS ? EXIT_FAILED : status;
}

static int print(const struct strbuf *text, int status)
{
	errno = 0;
	if (fputs(text->data ? text->data : "", stdout) == EOF || fflush(stdout) == EOF)
		return tell_lost(errno ? errno : EIO, status);
	return status;
}

static int print_help(const struct line *l, int status)
{
	AUTO_STRBUF struct strbuf text = { 0 };

	if (!l->command)
		help_top(&text, &catalogue);
	else if (!l->action)
		help_command(&text, l->command);
	else
		help_action(&text, l->command, l->action);
	return print(&text, status);
}

static int half_a_command(struct line *l)
{
	struct err err;

	(void)err_set(&err, ERR_USAGE, "%s%s",
		      l->command ? "no action is named of " : "no command is named",
		      l->command ? l->command->name : "");
	(void)err_hint(&err, "`plmaint %s%s--help` lists them.", l->command ? l->command->name : "",
		       l->command ? " " : "");
	return fail(l, &err);
}

static int print_version(struct line *l)
{
	open_reporter(l);
	EMIT(l->reporter, "version", F_TEXT("version", PLMAINT_VERSION));
	l->reporter->print(l->reporter->self, "plmaint " PLMAINT_VERSION "\n");
	return EXIT_DONE;
}

static int print_dump(struct line *l)
{
	AUTO_STRBUF struct strbuf text = { 0 };
	struct err err;

	if (!docs_dump(&catalogue, l->globals.dump, &text, &err))
		return fail(l, &err);
	return print(&text, EXIT_DONE);
}

static void *new_options(const struct action *a)
{
	return xcalloc(1, a->options_size);
}

/* The words behind an ACTION_ABOUT action are another command line. */
static bool parse_about(struct line *l, struct err *err)
{
	if (!words_resolve(&l->words, &catalogue, &l->globals, &l->about_command, &l->about, err))
		return false;
	if (l->about_command && !l->about) {
		/* `plan pre-migrate`: the one action with steps that bears this name is meant. */
		for (const struct action *a = l->about_command->actions; a->summary; a++)
			if (a->scenario && !l->about)
				l->about = a;
	}
	if (!l->about)
		return options_parse(NULL, NULL, global_options, &l->globals, l->words.argc,
				     l->words.argv, &l->operands, err);
	l->about_options = new_options(l->about);
	return options_parse(l->about->options, l->about_options, global_options, &l->globals,
			     l->words.argc, l->words.argv, &l->operands, err);
}

static bool parse(struct line *l, struct err *err)
{
	l->options = new_options(l->action);
	if (l->action->flags & ACTION_ABOUT)
		return options_defaults(l->action->options, l->options, err) && parse_about(l, err);
	return options_parse(l->action->options, l->options, global_options, &l->globals,
			     l->words.argc, l->words.argv, &l->operands, err);
}

/* `plan` without a word is answered with the scenarios that there are. */
static bool check_operands(const struct line *l, struct err *err)
{
	bool planned = l->action->flags & ACTION_ABOUT;

	return words_check(l->about ? l->about_command : l->command,
			   l->about ? l->about : l->action, planned, l->operands, err);
}

static bool unknown_label(const char *label, struct err *err)
{
	size_t n = 0, all = 0;

	while (catalogue.checks[n])
		n++;
	for (all = n; catalogue.procedures[all - n];)
		all++;

	AUTO_FREE const char **names = xcalloc(all + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < all; i++)
		names[i] = i < n ? catalogue.checks[i]->label : catalogue.procedures[i - n]->label;
	near = nearest_name(label, names);
	(void)err_set(err, ERR_USAGE, "--whitelist: unknown label '%s'", label);
	if (near)
		return err_hint(err, "Did you mean %s?", near);
	return err_hint(err, "`plmaint procedure list` and `plmaint plan` show the labels.");
}

/* A guard that was asked to be passed over must exist, and a critical one needs --force too. */
static bool check_whitelist(const struct line *l, struct err *err)
{
	const char *list = l->globals.whitelist;

	for (const char *rest = list;;) {
		AUTO_FREE char *label = list_take(&rest);

		if (!label)
			break;
		if (!catalogue_check(&catalogue, label) && !catalogue_procedure(&catalogue, label))
			return unknown_label(label, err);
	}
	for (const struct step *s = l->action->scenario; s && (s->check || s->procedure); s++) {
		const char *label = s->check ? s->check->label : s->procedure->label;

		if (s->flags & STEP_CRITICAL && !l->globals.force && list_has(list, label)) {
			(void)err_set(err, ERR_USAGE, "step %s guards your data", label);
			return err_hint(err, "Add --force to pass over it all the same.");
		}
	}
	return true;
}

static unsigned all_needs(const struct action *a)
{
	unsigned needs = a->needs;

	for (const struct step *s = a->scenario; s && (s->check || s->procedure); s++)
		needs |= s->check ? s->check->needs : s->procedure->needs;
	return needs;
}

/* looks_too: also a procedure that changes nothing has an actor. */
static bool acts(const struct action *a, const void *options, bool looks_too)
{
	if (a->writes && a->writes(options))
		return true;
	for (const struct step *s = a->scenario; s && (s->check || s->procedure); s++)
		if (s->procedure && (looks_too || s->procedure->changes))
			return true;
	return a->flags & ACTION_WRITES;
}

static bool respect_mode(const struct line *l, struct err *err)
{
	const char *mode = config_get(l->config, "general.mode");
	const struct action *a = l->action;
	bool disabled = strcmp(mode, "disabled") == 0;

	if (strcmp(mode, "enabled") == 0 || a->flags & ACTION_INFORMS)
		return true;
	if (!acts(a, l->options, false) && (!disabled || (all_needs(a) == 0 && !a->scenario)))
		return true;
	(void)err_set(err, ERR_CONFIG, "general.mode is %s", mode);
	return err_hint(err, "It is set by %s.", config_source(l->config, "general.mode"));
}

static bool load_config(struct line *l, char *const *environment, struct err *err)
{
	l->config = config_new();
	/* What only informs answers on a host whose configuration is broken, too. */
	if (l->action->flags & ACTION_INFORMS && !l->globals.config && !l->globals.set)
		return true;
	return config_load(l->config, l->globals.config, environment, l->globals.set, err);
}

static void hear_operators(struct line *l)
{
	struct provision *p = &l->provision;
	bool joins = false;

	p->heeds = l->action->heeds && l->action->heeds(l->options, &joins);
	if (!p->heeds)
		return;
	p->session.hold = provision_hold;
	p->listener =
		(struct listener){ .run_id = l->run_id,
				   .reporter = l->reporter,
				   .brake_file = config_get(l->config, "pre-migrate.brake_file"),
				   .joins = joins };
}

static void fill_session(struct line *l)
{
	const struct globals *g = &l->globals;

	l->provision.command = l->action->name
				       ? xasprintf("%s %s", l->command->name, l->action->name)
				       : xstrdup(l->command->name);
	l->provision.session = (struct session){
		.catalogue = &catalogue,
		.config = l->config,
		.reporter = l->reporter,
		.operands = l->operands,
		.json = g->json,
		.assume_yes = g->assume_yes,
		.force = g->force,
		.verbose = g->verbose,
		.quiet = g->quiet,
		.whitelist = g->whitelist,
		.run_id = l->run_id,
		.provide = provide,
		.about_command = l->about_command,
		.about = l->about,
		.about_options = l->about_options,
	};
	hear_operators(l);
	if (l->background.log) {
		l->provision.begun = background_begun;
		l->provision.begun_arg = &l->background;
	}
}

static void tell_background(const struct line *l, bool ended, int status)
{
	const struct background *b = &l->background;
	const char *command = l->command->name;
	AUTO_STRBUF struct strbuf out = { 0 };
	struct field fields[5] = { F_INT("pid", b->child), F_TEXT("log", b->log),
				   F_TEXT("id", l->run_id) };

	if (ended) {
		fields[3] = (struct field)F_INT("exit", status);
		strbuf_addf(&out, "It has ended already, with exit status %d; it said in %s:\n",
			    status, b->log);
	} else {
		strbuf_addf(
			&out,
			"Process %d goes on in the background; this terminal may be closed.\n"
			"  plmaint %s attach            look at it; Ctrl-C leaves it running\n"
			"  plmaint %s status            where it stands, from any host\n"
			"  plmaint %s pause | resume    and tune, to change its pace\n"
			"  plmaint %s stop              end it with its state saved\n"
			"  plmaint %s wait              until its end, with its exit status\n"
			"  %s\n"
			"After a stop, a kill or a reboot the same command goes on from there.\n",
			(int)b->child, command, command, command, command, command, b->log);
	}
	emit(l->reporter, "background", fields);
	l->reporter->print(l->reporter->self, out.data);
}

/* What a run that has ended at once has said, for the terminal that is still there. */
static void copy_log(const struct line *l)
{
	AUTO_FILE FILE *log = fopen(l->background.log, "re");
	char text[4096];
	size_t n;

	while (log && (n = fread(text, 1, sizeof(text), log)) > 0)
		(void)fwrite(text, 1, n, stderr);
}

/* *parent: this process has done its part, with *status. */
static bool go_background(struct line *l, bool *parent, int *status, struct err *err)
{
	bool ended;
	long keep;

	if (!config_long(l->config, "general.history", &keep, err) ||
	    !background_start(config_get(l->config, "general.state_dir"), l->run_id, (size_t)keep,
			      &l->background, err))
		return false;
	*parent = l->background.child != 0;
	if (*parent) {
		background_wait(&l->background, &ended, status);
		tell_background(l, ended, *status);
		if (ended)
			copy_log(l);
		return true;
	}
	report_close(l->reporter);
	open_reporter(l);
	return true;
}

static void open_metrics(struct line *l)
{
	const char *path = config_get(l->config, "metrics.textfile");

	if (!path || !(l->action->flags & ACTION_LONG))
		return;
	l->reporter = textfile_open(path, l->reporter);
	l->metrics = true;
}

static int run_scenario(struct line *l)
{
	const struct action *a = l->action;
	struct session *s = &l->provision.session;
	bool hooks = a->flags & ACTION_LONG;
	struct err err;

	if (a->prepare && !a->prepare(s, l->options, &err))
		return fail(l, &err);
	if (hooks && !hook_before(s, l->provision.command, &err))
		return fail(l, &err);
	int status = runner_run(
		&(struct run_request){ .command = l->command->name,
				       .action = a->name,
				       .steps = a->scenario,
				       .options = l->options,
				       .session = s,
				       .state_dir = config_get(l->config, "general.state_dir") });
	provision_tell_end(&l->provision, status);
	if (hooks)
		hook_after(s, l->provision.command, status);
	return status;
}

static int work(struct line *l)
{
	struct session *s = &l->provision.session;
	const struct action *a = l->action;
	struct err err;
	int status = EXIT_DONE;

	provide(s, all_needs(a), acts(a, l->options, true));
	if (a->scenario)
		return run_scenario(l);
	for (unsigned bit = 0; bit < NEED_COUNT; bit++)
		if (a->needs & s->unmet & 1U << bit)
			return fail(l, &s->unmet_why[bit]);
	if (a->answer(s, l->options, &status, &err))
		return status;
	/* An answer that was waited for and given up by the operator. */
	if (err.code == ERR_STOPPED && stop_requested())
		return exit_worse(exit_of_stop(stop_signal()), fail(l, &err));
	return exit_worse(status, fail(l, &err));
}

static int answer(struct line *l, char *const *environment)
{
	struct err err;
	bool parent = false;
	int status = EXIT_DONE;

	make_run_id(l->run_id);
	if (!words_resolve(&l->words, &catalogue, &l->globals, &l->command, &l->action, &err))
		return fail(l, &err);
	if (l->globals.dump)
		return print_dump(l);
	if (l->globals.version)
		return print_version(l);
	/* No command at all is a question; half a command is a mistake that help answers. */
	if ((!l->command || !l->action) && (l->globals.help || !l->globals.json))
		return print_help(l, l->globals.help ? EXIT_DONE : EXIT_USAGE);
	if (!l->command || !l->action)
		return half_a_command(l);
	if (!parse(l, &err))
		return fail(l, &err);
	if (l->globals.help)
		return print_help(l, EXIT_DONE);
	log_level_set(l->globals.verbose ? LOG_VERBOSE : l->globals.quiet ? LOG_QUIET : LOG_NORMAL);
	open_reporter(l);
	if (!check_operands(l, &err) || !load_config(l, environment, &err) ||
	    !respect_mode(l, &err) || !check_whitelist(l, &err) ||
	    (l->action->validate && !l->action->validate(l->options, &err)) ||
	    (l->about && l->about->validate && !l->about->validate(l->about_options, &err)))
		return fail(l, &err);
	if (l->action->background && l->action->background(l->options) &&
	    !go_background(l, &parent, &status, &err))
		return fail(l, &err);
	if (parent)
		return status;
	open_metrics(l);
	fill_session(l);
	return work(l);
}

int dispatch(int argc, char *const *argv, char *const *environment)
{
	AUTO_LINE struct line l = { .argc = argc > 0 ? argc - 1 : 0, .argv = argv + (argc > 0) };

	l.words = (struct words){ l.argc, l.argv };
	int status = answer(&l, environment);

	if (l.stdout_reporter)
		status = tell_lost(report_lost(l.stdout_reporter), status);
	return l.plugin ? report_nagios_status(status) : status;
}
