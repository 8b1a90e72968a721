/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checks by hand: a scenario made of those that were chosen, in the order of the list.  One that
 * cannot find out does not hold up the others.
 */
#include "commands/commands.h"
#include "commands/health_fix.h"
#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/runner.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/report/textfile_health.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct choice {
	char *label, *tags, *exclude_tags;
};
struct check_options {
	struct choice choice;
	struct fix_options fix;
	char *output;
	int all, full;
};

#define CHOICE(type, member) offsetof(type, member)
#define CHOICE_ROWS(type, at)                                                                      \
	{ .name = "label",                                                                         \
	  .kind = OPT_TEXT,                                                                        \
	  .offset = CHOICE(type, at label),                                                        \
	  .arg = "LABEL,...",                                                                      \
	  .help = "only the checks with these labels" },                                           \
		{ .name = "tags",                                                                  \
		  .kind = OPT_TEXT,                                                                \
		  .offset = CHOICE(type, at tags),                                                 \
		  .arg = "TAG,...",                                                                \
		  .help = "only checks that have all of these tags" },                             \
	{                                                                                          \
		.name = "exclude-tags", .kind = OPT_TEXT, .offset = CHOICE(type, at exclude_tags), \
		.arg = "TAG,...", .help = "no checks that have one of these tags"                  \
	}

static const struct opt list_table[] = {
	CHOICE_ROWS(struct choice, ),
	OPTS_END,
};
static const struct opt check_table[] = {
	CHOICE_ROWS(struct check_options, choice.),
	{ .name = "all",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct check_options, all),
	  .help = "all checks, not only those that have the tag default" },
	{ .name = "full",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct check_options, full),
	  .help = "look at all rows and files where a sample is the default" },
	{ .name = "fix",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct check_options, fix.fix),
	  .help = "offer the procedures that mend what was found, run them, and check again" },
	{ .name = "dry-run",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct check_options, fix.dry_run),
	  .help = "with --fix: only show what would be done" },
	{ .name = "delete",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct check_options, fix.may_delete),
	  .help = "with --fix: allow procedures that delete; a yes to all questions does not" },
	{ .name = "output",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct check_options, output),
	  .arg = "nagios",
	  .help = "answer as a monitoring plugin: one line with performance data, the rest as long "
		  "output, exit status 0, 1, 2 or 3" },
	OPTS_END,
};

static bool has_tag(const struct check *c, const char *tag, size_t len)
{
	for (size_t i = 0; c->tags && c->tags[i]; i++)
		if (strlen(c->tags[i]) == len && memcmp(c->tags[i], tag, len) == 0)
			return true;
	return false;
}

/* How many of the comma separated tags a check has, and in *of how many there are. */
static size_t count_tags(const struct check *c, const char *list, size_t *of)
{
	size_t n = 0, len;

	*of = 0;
	for (const char *at; list_next(&list, &at, &len); ++*of)
		n += has_tag(c, at, len);
	return n;
}

static bool chosen(const struct check *c, const struct choice *o, const char *otherwise)
{
	const char *tags = o->label || o->tags ? o->tags : otherwise;
	size_t of;

	if (o->label && !list_has(o->label, c->label))
		return false;
	if (count_tags(c, o->exclude_tags, &of) > 0)
		return false;
	return count_tags(c, tags, &of) == of;
}

/* Every tag once, in the order in which the list of checks has them; the caller frees the array. */
static const char **all_tags(const struct catalogue *c)
{
	size_t n = 0, cap = 8;
	const char **tags = xcalloc(cap, sizeof(*tags));

	for (size_t i = 0; c->checks[i]; i++) {
		for (size_t t = 0; c->checks[i]->tags && c->checks[i]->tags[t]; t++) {
			size_t k = 0;

			while (k < n && strcmp(tags[k], c->checks[i]->tags[t]) != 0)
				k++;
			if (k < n)
				continue;
			if (n + 2 > cap)
				tags = xrealloc(tags, (cap *= 2) * sizeof(*tags));
			tags[n++] = c->checks[i]->tags[t];
		}
	}
	tags[n] = NULL;
	return tags;
}

static bool known(const char *option, const char *list, const char *const *names,
		  const char *shown_by, struct err *err)
{
	for (;;) {
		AUTO_FREE char *word = list_take(&list);
		const char *near;
		size_t i = 0;

		if (!word)
			return true;
		while (names[i] && strcmp(names[i], word) != 0)
			i++;
		if (names[i])
			continue;
		near = nearest_name(word, names);
		(void)err_set(err, ERR_USAGE, "--%s: there is no '%s'", option, word);
		if (near)
			return err_hint(err, "Did you mean %s?", near);
		return err_hint(err, "`plmaint health %s` shows them.", shown_by);
	}
}

static bool validate_choice(const struct session *s, const struct choice *o, struct err *err)
{
	size_t n = 0;

	while (s->catalogue->checks[n])
		n++;

	AUTO_FREE const char **labels = xcalloc(n + 1, sizeof(*labels));
	AUTO_FREE const char **tags = all_tags(s->catalogue);

	for (size_t i = 0; i < n; i++)
		labels[i] = s->catalogue->checks[i]->label;
	return known("label", o->label, labels, "list", err) &&
	       known("tags", o->tags, tags, "list-tags", err) &&
	       known("exclude-tags", o->exclude_tags, tags, "list-tags", err);
}

static bool list(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)exit_status;
	if (!validate_choice(s, options, err))
		return false;
	for (size_t i = 0; s->catalogue->checks[i]; i++) {
		const struct check *c = s->catalogue->checks[i];
		AUTO_STRBUF struct strbuf out = { 0 };

		if (!chosen(c, options, NULL))
			continue;
		strbuf_addf(&out, "%-32s %s", c->label, c->summary);
		for (size_t t = 0; c->tags && c->tags[t]; t++)
			strbuf_addf(&out, "%s%s", t ? " " : "  [", c->tags[t]);
		strbuf_adds(&out, c->tags && c->tags[0] ? "]\n" : "\n");
		EMIT(s->reporter, "catalogue", F_TEXT("label", c->label), F_TEXT("kind", "check"),
		     F_TEXT("summary", c->summary), F_LIST("tags", c->tags));
		s->reporter->print(s->reporter->self, out.data);
	}
	return true;
}

static bool list_tags(struct session *s, const void *options, int *exit_status, struct err *err)
{
	AUTO_FREE const char **tags = all_tags(s->catalogue);

	(void)options;
	(void)exit_status;
	(void)err;
	for (size_t t = 0; tags[t]; t++) {
		size_t n = 0;

		for (size_t i = 0; s->catalogue->checks[i]; i++)
			n += has_tag(s->catalogue->checks[i], tags[t], strlen(tags[t]));

		AUTO_FREE char *line = xasprintf("%-18s %zu checks\n", tags[t], n);

		EMIT(s->reporter, "tag", F_TEXT("name", tags[t]), F_INT("checks", n));
		s->reporter->print(s->reporter->self, line);
	}
	return true;
}

static bool is_plugin(const void *options)
{
	const struct check_options *o = options;

	return o->output && strcmp(o->output, "nagios") == 0;
}

static bool validate(const void *options, struct err *err)
{
	const struct check_options *o = options;

	if (!fix_validate(&o->fix, err))
		return false;
	if (o->fix.fix && is_plugin(options))
		return err_set(err, ERR_USAGE,
			       "a monitoring plugin mends nothing: --fix and "
			       "--output exclude each other");
	if (!o->output || is_plugin(options))
		return true;
	(void)err_set(err, ERR_USAGE, "--output: '%s' is not known", o->output);
	return err_hint(err, "There is nagios; --json is an option of every command.");
}

static bool is_writing(const void *options)
{
	const struct check_options *o = options;

	return o->fix.fix && !o->fix.dry_run;
}

/* Of every check that takes it, `full` is the first member of its params. */
static void bind_full(const void *options, void *params)
{
	*(int *)params = ((const struct check_options *)options)->full;
}

static bool takes_full(const struct check *c)
{
	for (const struct opt *o = c->params; o && o->name; o++)
		if (strcmp(o->name, "full") == 0)
			return o->kind == OPT_FLAG && o->offset == 0;
	return false;
}

/* Others would seem to be gone from the file if it told of a few that were named. */
static int look(const struct run_request *rq)
{
	const struct check_options *o = rq->options;
	struct session *s = rq->session;
	const struct reporter *report = s->reporter;
	const char *path = o->choice.label ? NULL : config_get(s->config, "health.textfile");
	struct reporter *metrics = path ? textfile_health_open(path, report) : NULL;

	s->reporter = metrics ? metrics : report;
	int status = runner_run(rq);
	s->reporter = report;
	textfile_health_close(metrics);
	return status;
}

/* Each session costs the server as much to begin as ten checks do, so that more than there are
 * processors only delay each other; with one alone a check that hangs would hold up all. */
static bool read_parallel(const struct config *c, long *ret, struct err *err)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (config_get(c, "health.parallel"))
		return config_long(c, "health.parallel", ret, err);
	*ret = processors < 2 ? 2 : processors > 4 ? 4 : processors;
	return true;
}

static bool check(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct check_options *o = options;
	size_t n = 0, all = 0;
	double timeout;
	long parallel;

	if (!config_seconds(s->config, "health.timeout", &timeout, err) ||
	    !read_parallel(s->config, &parallel, err) || !validate_choice(s, &o->choice, err))
		return false;
	/* A full look at a large table may take its time. */
	s->look_timeout_ms = o->full ? 0 : (int)(timeout * 1000);
	/* The server gives up first: it says what it was at. */
	double limit = o->full ? 0 : timeout + 1;
	while (s->catalogue->checks[all])
		all++;

	AUTO_FREE struct step *steps = xcalloc(all + 1, sizeof(*steps));

	for (size_t i = 0; i < all; i++) {
		const struct check *c = s->catalogue->checks[i];

		if (chosen(c, &o->choice, o->all ? NULL : "default"))
			steps[n++] = (struct step){ .check = c,
						    .flags = STEP_FAIL_SLOW,
						    .bind = takes_full(c) ? bind_full : NULL };
	}
	if (n == 0) {
		(void)err_set(err, ERR_USAGE, "no check is left by these labels and tags");
		return err_hint(err, "`plmaint health list` shows each with its tags.");
	}
	AUTO_FIX struct fix *fix = fix_new(n);

	*exit_status = look(&(struct run_request){ .command = "health",
						   .action = "check",
						   .steps = steps,
						   .options = options,
						   .session = s,
						   .crew = (size_t)parallel,
						   .crew_limit = limit,
						   .ended = fix_ended,
						   .ended_arg = fix });
	if (!o->fix.fix)
		fix_point_out(fix, s);
	return !o->fix.fix || stop_requested() ||
	       fix_run(fix, s, &o->fix, options, exit_status, err);
}

const struct command command_health = {
	.name = "health",
	.summary = "look whether Pulp, its database and this host are well",
	.explain = "A check looks and never touches. It passes, finds something, or could not find "
		   "out: three answers with three exit statuses, of which a finding is the worst.",
	.actions =
		(const struct action[]){
			{ .name = "list",
			  .summary = "list checks with their tags",
			  .example = "plmaint health list --tags pre-upgrade",
			  .options = list_table,
			  .options_size = sizeof(struct choice),
			  .answer = list },
			{ .name = "list-tags",
			  .summary = "list the tags that checks have",
			  .example = "plmaint health list-tags",
			  .answer = list_tags },
			{ .name = "check",
			  .summary = "run checks",
			  .example = "plmaint health check --tags pre-upgrade",
			  .explain =
				  "Without labels and tags those with the tag default are run: "
				  "what can be told at once. A check that hangs is given up after "
				  "health.timeout, and the others go on. With --fix the "
				  "procedures that mend what was found are offered one by one "
				  "and run when you agree, and the checks that they are for "
				  "run again, twice at most. What deletes is left out unless "
				  "--delete is given.",
			  .options = check_table,
			  .options_size = sizeof(struct check_options),
			  .validate = validate,
			  .writes = is_writing,
			  .plugin = is_plugin,
			  .answer = check },
			{ 0 },
		},
};
