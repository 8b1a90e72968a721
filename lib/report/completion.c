/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words go into one case statement; the function that reads them is fixed.  It needs nothing
 * of the package bash-completion.
 */
#include "lib/report/completion.h"

static void add_options(struct strbuf *out, const struct opt *table)
{
	for (; table && table->name; table++)
		if (table->help)
			strbuf_addf(out, " --%s", table->name);
}

static void add_case(struct strbuf *out, const char *command, const char *action)
{
	strbuf_addf(out, "\t\"%s%s%s\") words=\"", command, action ? " " : "",
		    action ? action : "");
}

/* What follows an action's words beside options: names that the tables know. */
static void add_operands(struct strbuf *out, const struct catalogue *c, const struct action *a)
{
	if (a->operands && a->operands[0] == 'L') /* LABEL */
		for (size_t i = 0; c->procedures[i]; i++)
			strbuf_addf(out, " %s", c->procedures[i]->label);
	if (a->flags & ACTION_ABOUT)
		for (size_t i = 0; c->commands[i]; i++)
			strbuf_addf(out, " %s", c->commands[i]->name);
}

static void add_command(struct strbuf *out, const struct catalogue *c, const struct command *cmd)
{
	bool plain = !cmd->actions[0].name;

	add_case(out, cmd->name, NULL);
	for (const struct action *a = cmd->actions; !plain && a->summary; a++)
		if (!(a->flags & ACTION_HIDDEN))
			strbuf_addf(out, " %s", a->name);
	if (plain) {
		add_operands(out, c, &cmd->actions[0]);
		add_options(out, cmd->actions[0].options);
	}
	strbuf_adds(out, "\" ;;\n");
	for (const struct action *a = cmd->actions; !plain && a->summary; a++) {
		add_case(out, cmd->name, a->name);
		add_operands(out, c, a);
		add_options(out, a->options);
		strbuf_adds(out, "\" ;;\n");
	}
}

void completion_bash(struct strbuf *out, const struct catalogue *c)
{
	strbuf_adds(
		out,
		"# bash completion for plmaint, printed by `plmaint completion bash`\n"
		"_plmaint()\n"
		"{\n"
		"\tlocal current=${COMP_WORDS[COMP_CWORD]} words=\"\" command=\"\" action=\"\" word\n"
		"\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		"\t\tcase $word in\n"
		"\t\t-* | advanced | help) ;;\n"
		"\t\t*)\n"
		"\t\t\tif [ -z \"$command\" ]; then command=$word; else action=${action:-$word}; fi\n"
		"\t\t\t;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"\tcase \"$command${action:+ $action}\" in\n"
		"\t\"\") words=\"");
	for (size_t i = 0; c->commands[i]; i++)
		strbuf_addf(out, " %s", c->commands[i]->name);
	strbuf_adds(out, "\" ;;\n");
	for (size_t i = 0; c->commands[i]; i++)
		add_command(out, c, c->commands[i]);
	strbuf_adds(out, "\tesac\n\tif [[ $current == -* ]]; then words+=\"");
	add_options(out, c->globals);
	strbuf_adds(out, "\"; fi\n"
			 "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
			 "}\n"
			 "complete -o default -F _plmaint plmaint\n");
}
