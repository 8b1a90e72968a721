/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands, checks, procedures and exit codes as tables of README.md. */
#include "lib/core/exit.h"
#include "lib/report/docs.h"
#include "lib/report/help.h"

/* A bar would end the cell. */
static void add_cell(struct strbuf *out, const char *s)
{
	for (; *s; s++)
		strbuf_addf(out, *s == '|' ? "\\%c" : "%c", *s);
}

static void add_row(struct strbuf *out, const char *name, const char *summary)
{
	strbuf_adds(out, "| `");
	add_cell(out, name);
	strbuf_adds(out, "` | ");
	add_cell(out, summary);
	strbuf_adds(out, " |\n");
}

static void add_head(struct strbuf *out, const char *name, const char *summary)
{
	strbuf_addf(out, "| %s | %s |\n|---|---|\n", name, summary);
}

void docs_markdown(struct strbuf *out, const struct catalogue *c)
{
	add_head(out, "command", "does");
	for (size_t i = 0; c->commands[i]; i++) {
		for (const struct action *a = c->commands[i]->actions; a->summary; a++) {
			AUTO_STRBUF struct strbuf usage = { 0 };

			if (a->flags & ACTION_HIDDEN)
				continue;
			help_usage(&usage, c->commands[i], a);
			add_row(out, usage.data, a->summary);
		}
	}
	if (c->checks[0]) {
		strbuf_adds(out, "\n");
		add_head(out, "check", "sees whether");
	}
	for (size_t i = 0; c->checks[i]; i++)
		add_row(out, c->checks[i]->label, c->checks[i]->summary);
	if (c->procedures[0]) {
		strbuf_adds(out, "\n");
		add_head(out, "procedure", "does");
	}
	for (size_t i = 0; c->procedures[i]; i++)
		add_row(out, c->procedures[i]->label, c->procedures[i]->summary);
	strbuf_adds(out, "\n");
	add_head(out, "exit code", "means");
	for (const struct exit_text *t = exit_texts; t->meaning; t++)
		strbuf_addf(out, "| %d | %s |\n", t->status, t->meaning);
}
