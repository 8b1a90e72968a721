/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One procedure by hand, outside any scenario; `advanced procedure` is the same. */
#include "commands/commands.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/runner.h"
#include "lib/core/strbuf.h"

#include <string.h>

struct run_options {
	char **params;
	int may_delete;
};
struct tag_options {
	int may_delete;
};

#define DELETE_ROW(type)                                                                  \
	{                                                                                 \
		.name = "delete", .kind = OPT_FLAG, .offset = offsetof(type, may_delete), \
		.help = "allow procedures that delete; a yes to all questions does not"   \
	}

static const struct opt run_table[] = {
	{ .name = "param",
	  .kind = OPT_LIST,
	  .offset = offsetof(struct run_options, params),
	  .arg = "NAME=VALUE",
	  .help = "a parameter of the procedure; may be given often" },
	DELETE_ROW(struct run_options),
	OPTS_END,
};
static const struct opt tag_table[] = {
	DELETE_ROW(struct tag_options),
	OPTS_END,
};

static void show(struct session *s, const struct procedure *p)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	const char *params[33] = { NULL };
	size_t n = 0;

	strbuf_addf(&out, "%-32s %s", p->label, p->summary);
	for (size_t i = 0; p->tags && p->tags[i]; i++)
		strbuf_addf(&out, "%s%s", i ? " " : "  [", p->tags[i]);
	strbuf_adds(&out, p->tags && p->tags[0] ? "]\n" : "\n");
	if (p->deletes)
		strbuf_addf(&out, "    deletes %s: needs --delete\n", p->deletes);
	for (const struct opt *o = p->params; o && o->name && n < ARRAY_LEN(params) - 1; o++) {
		params[n++] = o->name;
		strbuf_addf(&out, "    --param %s%s%s: %s\n", o->name, o->arg ? "=" : "",
			    o->arg ? o->arg : "", o->help ? o->help : "");
	}
	EMIT(s->reporter, "catalogue", F_TEXT("label", p->label), F_TEXT("kind", "procedure"),
	     F_TEXT("summary", p->summary), F_LIST("tags", p->tags), F_LIST("params", params),
	     F_TEXT("deletes", p->deletes));
	s->reporter->print(s->reporter->self, out.data);
}

static bool list(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)exit_status;
	(void)err;
	for (size_t i = 0; s->catalogue->procedures[i]; i++)
		show(s, s->catalogue->procedures[i]);
	return true;
}

static const struct procedure *find(const struct session *s, const char *label, struct err *err)
{
	const struct procedure *p = catalogue_procedure(s->catalogue, label);
	const char *near;
	size_t n = 0;

	if (p)
		return p;
	while (s->catalogue->procedures[n])
		n++;

	AUTO_FREE const char **names = xcalloc(n + 1, sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = s->catalogue->procedures[i]->label;
	near = nearest_name(label, names);
	(void)err_set(err, ERR_USAGE, "unknown procedure '%s'", label);
	if (near)
		(void)err_hint(err, "Did you mean %s?", near);
	else
		(void)err_hint(err, "`plmaint procedure list` lists them.");
	return NULL;
}

static bool set_params(const struct procedure *p, char *const *given, void *params, struct err *err)
{
	if (!options_defaults(p->params, params, err))
		return false;
	for (; given && *given; given++) {
		const char *eq = strchr(*given, '=');
		AUTO_FREE char *name = xstrndup(*given, strcspn(*given, "="));

		if (!options_set(p->params, params, name, eq ? eq + 1 : "", err)) {
			if (strstr(err->text, "unknown option"))
				(void)err_set(err, ERR_USAGE, "%s has no parameter '%s'", p->label,
					      name);
			return false;
		}
	}
	return true;
}

static bool run_one(struct session *s, const struct procedure *p, char *const *given,
		    int *exit_status, struct err *err)
{
	AUTO_FREE void *params = xcalloc(1, p->params_size);
	bool ok = set_params(p, given, params, err);

	if (ok) {
		s->provide(s, p->needs, true);
		*exit_status = exit_worse(*exit_status, runner_procedure(s, p, params));
	}
	options_release(p->params, params);
	return ok;
}

static bool run(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct run_options *o = options;
	const struct procedure *p;

	s->may_delete = o->may_delete;
	p = find(s, s->operands[0], err);
	return p && run_one(s, p, o->params, exit_status, err);
}

static bool has_tag(const struct procedure *p, const char *tag)
{
	for (size_t i = 0; p->tags && p->tags[i]; i++)
		if (strcmp(p->tags[i], tag) == 0)
			return true;
	return false;
}

static bool by_tag(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct tag_options *o = options;
	bool any = false;

	s->may_delete = o->may_delete;
	for (size_t i = 0; s->catalogue->procedures[i]; i++) {
		const struct procedure *p = s->catalogue->procedures[i];

		if (!has_tag(p, s->operands[0]))
			continue;
		any = true;
		if (!run_one(s, p, NULL, exit_status, err))
			return false;
		if (*exit_status != EXIT_DONE && *exit_status != EXIT_WARNINGS)
			return true;
	}
	if (any)
		return true;
	(void)err_set(err, ERR_USAGE, "no procedure has the tag '%s'", s->operands[0]);
	return err_hint(err, "`plmaint procedure list` shows the tags.");
}

const struct command command_procedure = {
	.name = "procedure",
	.summary = "list procedures, or run one by hand",
	.explain = "A procedure is one step that acts. Scenarios put procedures into order with "
		   "the checks that guard them; by hand there are no such guards, and each still "
		   "asks the system first whether there is work.",
	.actions =
		(const struct action[]){
			{ .name = "list",
			  .summary = "list procedures with their tags and parameters",
			  .example = "plmaint procedure list",
			  .answer = list },
			{ .name = "run",
			  .summary = "run one procedure",
			  .example = "plmaint procedure run LABEL --param name=value",
			  .operands = "LABEL",
			  .options = run_table,
			  .options_size = sizeof(struct run_options),
			  .flags = ACTION_WRITES,
			  .answer = run },
			{ .name = "by-tag",
			  .summary = "run all procedures that have a tag, in the order of the list",
			  .example = "plmaint procedure by-tag pre-migrations",
			  .operands = "TAG",
			  .options = tag_table,
			  .options_size = sizeof(struct tag_options),
			  .flags = ACTION_WRITES,
			  .answer = by_tag },
			{ 0 },
		},
};
