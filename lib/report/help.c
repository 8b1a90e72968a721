/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help text; golden files in tests/golden hold every word of it. */
#include "lib/report/help.h"

#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"

#include <string.h>

enum { WIDTH = 80, TEXT_COLUMN = 30 };

/* Two columns; a left side that is too long has a line of its own. */
static void add_row(struct strbuf *out, const char *left, const char *right)
{
	static const char indent[] = "                              "; /* TEXT_COLUMN blanks */
	size_t used = 2 + text_columns(left);

	strbuf_addf(out, "  %s", left);
	if (used + 1 > TEXT_COLUMN) {
		strbuf_addf(out, "\n%s", indent);
		used = TEXT_COLUMN;
	}
	strbuf_add(out, indent, TEXT_COLUMN - used);
	text_wrap(out, right, WIDTH - TEXT_COLUMN, indent);
	strbuf_adds(out, "\n");
}

/* The explanation, or the summary alone where there is no more to say. */
static void add_paragraphs(struct strbuf *out, const char *explain, const char *summary)
{
	AUTO_STRBUF struct strbuf sentence = { 0 };

	if (!explain)
		text_sentence(&sentence, summary);
	text_wrap(out, explain ? explain : sentence.data, WIDTH, "");
	strbuf_adds(out, "\n");
}

void help_option_words(struct strbuf *out, const struct opt *o)
{
	if (o->letter)
		strbuf_addf(out, "-%c, ", o->letter);
	strbuf_addf(out, "--%s", o->name);
	if (o->arg)
		strbuf_addf(out, " %s", o->arg);
}

static void add_options(struct strbuf *out, const char *title, const struct opt *table)
{
	bool first = true;

	for (; table && table->name; table++) {
		AUTO_STRBUF struct strbuf words = { 0 };
		AUTO_STRBUF struct strbuf text = { 0 };

		if (!table->help)
			continue;
		if (first)
			strbuf_addf(out, "\n%s:\n", title);
		first = false;
		help_option_words(&words, table);
		strbuf_adds(&text, table->help);
		if (table->fallback)
			strbuf_addf(&text, " (default %s)", table->fallback);
		add_row(out, words.data, text.data);
	}
}

void help_usage(struct strbuf *out, const struct command *c, const struct action *a)
{
	strbuf_addf(out, "plmaint %s", c->name);
	if (a && a->name)
		strbuf_addf(out, " %s", a->name);
	if (!a)
		strbuf_adds(out, " ACTION");
	if (a && a->operands)
		strbuf_addf(out, " %s", a->operands);
	if (!a || a->options || a->flags & ACTION_ABOUT)
		strbuf_adds(out, " [OPTIONS]");
}

static const char *first_example(const struct command *c)
{
	for (const struct action *a = c->actions; a->summary; a++)
		if (a->example && !(a->flags & ACTION_HIDDEN))
			return a->example;
	return NULL;
}

static void add_usage(struct strbuf *out, const struct command *c, const struct action *a)
{
	AUTO_STRBUF struct strbuf usage = { 0 };

	help_usage(&usage, c, a);
	strbuf_adds(out, "\nUsage: ");
	text_wrap(out, usage.data, WIDTH - 7, "       ");
	strbuf_adds(out, "\n");
}

static void add_example(struct strbuf *out, const char *example)
{
	if (example)
		strbuf_addf(out, "Example: %s\n\n", example);
}

void help_top(struct strbuf *out, const struct catalogue *c)
{
	strbuf_adds(out, "Example: plmaint plan pre-migrate run\n\n");
	add_paragraphs(out,
		       "plmaint maintains Pulp container registries. Its main job is "
		       "pre-migrate: it moves the data of container manifests from artifact "
		       "files into the database while Pulp is online, and loses nothing.",
		       NULL);
	strbuf_adds(out,
		    "\nUsage: plmaint [GLOBAL OPTIONS] COMMAND [ACTION] [ARGUMENTS] [OPTIONS]\n"
		    "       plmaint COMMAND [ACTION] --help\n\nCommands:\n");
	for (size_t i = 0; c->commands[i]; i++)
		add_row(out, c->commands[i]->name, c->commands[i]->summary);
	add_options(out, "Global options, before or after the command", c->globals);
	strbuf_adds(out, "\nExit codes:\n");
	for (const struct exit_text *t = exit_texts; t->meaning; t++) {
		AUTO_FREE char *code = xasprintf("%d", t->status);

		add_row(out, code, t->meaning);
	}
}

void help_command(struct strbuf *out, const struct command *c)
{
	if (!c->actions[0].name) {
		help_action(out, c, &c->actions[0]);
		return;
	}
	add_example(out, first_example(c));
	add_paragraphs(out, c->explain, c->summary);
	add_usage(out, c, NULL);
	strbuf_adds(out, "\nActions:\n");
	for (const struct action *a = c->actions; a->summary; a++)
		if (!(a->flags & ACTION_HIDDEN))
			add_row(out, a->name, a->summary);
	strbuf_addf(out,
		    "\n`plmaint %s ACTION --help` tells more.\n"
		    "`plmaint --help` lists the global options.\n",
		    c->name);
}

void help_action(struct strbuf *out, const struct command *c, const struct action *a)
{
	add_example(out, a->example);
	add_paragraphs(out, a->explain, a->summary);
	add_usage(out, c, a);
	add_options(out, "Options", a->options);
	if (a->scenario)
		strbuf_addf(out, "\n`plmaint plan %s %s` shows its steps.\n", c->name,
			    a->name ? a->name : "");
	strbuf_adds(out, "\n`plmaint --help` lists the global options.\n");
}
