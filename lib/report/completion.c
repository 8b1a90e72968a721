/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The words go into one case statement; the function that reads them is fixed.  It needs nothing
 * of the package bash-completion.
 */
#include "lib/report/completion.h"

#include "lib/core/mem.h"

#include <stdlib.h>
#include <string.h>

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

static void add_labels(struct strbuf *out, const struct catalogue *c, bool checks)
{
	for (size_t i = 0; checks && c->checks[i]; i++)
		strbuf_addf(out, " %s", c->checks[i]->label);
	for (size_t i = 0; c->procedures[i]; i++)
		strbuf_addf(out, " %s", c->procedures[i]->label);
}

/* Each once, of those that stand in out since at, where a blank does. */
static void add_once(struct strbuf *out, size_t at, const char *word, char between)
{
	AUTO_FREE char *whole = xasprintf("%c%s%c", between, word, between);

	if (strstr(out->data + at, whole))
		return;
	strbuf_addf(out, "%s%c", word, between);
}

static void add_tags_of(struct strbuf *out, size_t at, const char *const *tags)
{
	for (; tags && *tags; tags++)
		add_once(out, at, *tags, ' ');
}

static void add_tags(struct strbuf *out, const struct catalogue *c, bool checks)
{
	size_t at = out->len;

	strbuf_adds(out, " ");
	for (size_t i = 0; checks && c->checks[i]; i++)
		add_tags_of(out, at, c->checks[i]->tags);
	for (size_t i = 0; !checks && c->procedures[i]; i++)
		add_tags_of(out, at, c->procedures[i]->tags);
}

static void add_with_value(struct strbuf *out, size_t at, const struct opt *table)
{
	for (; table && table->name; table++) {
		AUTO_FREE char *word = xasprintf("--%s", table->name);

		if (table->kind != OPT_FLAG)
			add_once(out, at, word, '|');
		if (table->kind != OPT_FLAG && table->letter) {
			free(TAKE(word));
			word = xasprintf("-%c", table->letter);
			add_once(out, at, word, '|');
		}
	}
}

/* The options that are followed by a value, as a pattern of the shell: what follows them is no
 * command. */
static void add_pattern(struct strbuf *out, const struct catalogue *c)
{
	size_t at = out->len - 1; /* the blank before it stands for the first bar */

	out->data[at] = '|';
	add_with_value(out, at, c->globals);
	for (size_t i = 0; c->commands[i]; i++)
		for (const struct action *a = c->commands[i]->actions; a->summary; a++)
			add_with_value(out, at, a->options);
	out->data[at] = '\t';
	out->data[--out->len] = '\0'; /* the last bar */
}

/* "[list|show] [DIGEST...]": the words in small letters are meant as they stand. */
static void add_literals(struct strbuf *out, const char *operands)
{
	const char *at = operands + strspn(operands, "[");

	for (size_t len; *at && !strchr("] ", *at); at += len + (at[len] == '|')) {
		len = strcspn(at, "|] ");
		strbuf_addf(out, " %.*s", (int)len, at);
	}
}

/* What follows an action's words beside options: names that the tables know. */
static void add_operands(struct strbuf *out, const struct catalogue *c, const struct action *a)
{
	const char *operands = a->operands ? a->operands : "";

	if (strcmp(operands, "TAG") == 0)
		add_tags(out, c, false);
	else if (strstr(operands, "LABEL"))
		add_labels(out, c, operands[0] == '[');
	else if (strspn(operands + strspn(operands, "["), "abcdefghijklmnopqrstuvwxyz|") > 0)
		add_literals(out, operands);
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

static void add_values(struct strbuf *out, const struct catalogue *c)
{
	strbuf_adds(out, "\tif [ -n \"$value\" ]; then\n"
			 "\t\tcase $last in\n"
			 "\t\t--label | --whitelist | -w) words=\"");
	add_labels(out, c, true);
	strbuf_adds(out, "\" ;;\n"
			 "\t\t--tags | --exclude-tags) words=\"");
	add_tags(out, c, true);
	strbuf_adds(out, "\" ;;\n"
			 "\t\tesac\n"
			 "\telse\n");
}

void completion_bash(struct strbuf *out, const struct catalogue *c)
{
	strbuf_adds(
		out,
		"# bash completion for plmaint, printed by `plmaint completion bash`\n"
		"_plmaint()\n"
		"{\n"
		"\tlocal current=${COMP_WORDS[COMP_CWORD]} words=\"\" command=\"\" action=\"\" value=\"\" last=\"\" prefix=\"\" word\n"
		"\t[ \"$current\" != = ] || current=\"\"\n"
		"\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		"\t\tif [ \"$word\" = = ]; then continue; fi\n"
		"\t\tif [ -n \"$value\" ]; then value=\"\"; continue; fi\n"
		"\t\tcase $word in\n"
		"\t\t");
	add_pattern(out, c);
	strbuf_adds(
		out,
		") value=yes last=$word ;;\n"
		"\t\t-* | advanced | help | plan) ;;\n"
		"\t\t*)\n"
		"\t\t\tif [ -z \"$command\" ]; then command=$word; else action=${action:-$word}; fi\n"
		"\t\t\t;;\n"
		"\t\tesac\n"
		"\tdone\n");
	add_values(out, c);
	strbuf_adds(out, "\tcase \"$command${action:+ $action}\" in\n"
			 "\t\"\") words=\"");
	for (size_t i = 0; c->commands[i]; i++)
		strbuf_addf(out, " %s", c->commands[i]->name);
	strbuf_adds(out, "\" ;;\n");
	for (size_t i = 0; c->commands[i]; i++)
		add_command(out, c, c->commands[i]);
	strbuf_adds(out, "\tesac\n\tif [[ $current == -* ]]; then words+=\"");
	add_options(out, c->globals);
	strbuf_adds(out,
		    "\"; fi\n"
		    "\tfi\n"
		    "\tif [[ $current == *,* ]]; then prefix=${current%,*},; fi\n"
		    "\tCOMPREPLY=($(compgen -P \"$prefix\" -W \"$words\" -- \"${current##*,}\"))\n"
		    "}\n"
		    "complete -o default -F _plmaint plmaint\n");
}
