/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The man page, in man(7) macros that groff and mandoc both know. */
#include "lib/core/clock.h"
#include "lib/core/config.h"
#include "lib/core/exit.h"
#include "lib/core/text.h"
#include "lib/core/version.h"
#include "lib/report/docs.h"
#include "lib/report/help.h"

#include <math.h>
#include <stdio.h>

/* A dash is a minus, a dot or quote at the start of a line is no macro, and a blank line is a
 * paragraph. */
static void add_line(struct strbuf *out, const char *s)
{
	bool start = true;

	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			strbuf_adds(out, "\\&");
		start = *s == '\n';
		if (*s == '\\')
			strbuf_adds(out, "\\e");
		else if (*s == '-')
			strbuf_adds(out, "\\-");
		else if (*s == '\n' && s[1] == '\n')
			strbuf_adds(out, "\n.PP");
		else
			strbuf_add(out, s, 1);
	}
	strbuf_adds(out, "\n");
}

static void add_roff(struct strbuf *out, const char *s)
{
	AUTO_STRBUF struct strbuf lines = { 0 };

	text_wrap(&lines, s, 78, "");
	add_line(out, lines.data ? lines.data : "");
}

void docs_man_item(struct strbuf *out, const char *name, const char *text)
{
	strbuf_adds(out, ".TP\n.B ");
	add_line(out, name);
	add_roff(out, text);
}

static void add_sentence(struct strbuf *out, const char *phrase)
{
	AUTO_STRBUF struct strbuf s = { 0 };

	text_sentence(&s, phrase);
	add_roff(out, s.data);
}

static void add_options(struct strbuf *out, const struct opt *table)
{
	for (; table && table->name; table++) {
		AUTO_STRBUF struct strbuf words = { 0 };
		AUTO_STRBUF struct strbuf text = { 0 };

		if (!table->help)
			continue;
		help_option_words(&words, table);
		strbuf_adds(&text, table->help);
		if (table->fallback)
			strbuf_addf(&text, " (default %s)", table->fallback);
		docs_man_item(out, words.data, text.data);
	}
}

static void add_action(struct strbuf *out, const struct command *c, const struct action *a)
{
	AUTO_STRBUF struct strbuf usage = { 0 };

	help_usage(&usage, c, a);
	strbuf_adds(out, ".SS ");
	add_line(out, usage.data);
	add_sentence(out, a->summary);
	if (a->explain) {
		strbuf_adds(out, ".PP\n");
		add_roff(out, a->explain);
	}
	if (a->example) {
		strbuf_adds(out, ".PP\nExample:\n.PP\n.EX\n");
		add_line(out, a->example);
		strbuf_adds(out, ".EE\n");
	}
	add_options(out, a->options);
}

static void add_commands(struct strbuf *out, const struct catalogue *c)
{
	strbuf_adds(out, ".SH COMMANDS\n");
	for (size_t i = 0; c->commands[i]; i++)
		for (const struct action *a = c->commands[i]->actions; a->summary; a++)
			if (!(a->flags & ACTION_HIDDEN))
				add_action(out, c->commands[i], a);
}

static void add_params(struct strbuf *out, const struct opt *table)
{
	for (; table && table->name; table++) {
		AUTO_STRBUF struct strbuf text = { 0 };

		strbuf_addf(&text, "%s%s%s: %s", table->name, table->arg ? "=" : "",
			    table->arg ? table->arg : "", table->help);
		if (table->fallback)
			strbuf_addf(&text, " (default %s)", table->fallback);
		strbuf_adds(out, ".IP\n");
		add_roff(out, text.data);
	}
}

static void add_catalogue(struct strbuf *out, const struct catalogue *c)
{
	if (c->checks[0])
		strbuf_adds(out, ".SH CHECKS\n");
	for (size_t i = 0; c->checks[i]; i++) {
		docs_man_item(out, c->checks[i]->label, c->checks[i]->summary);
		if (c->checks[i]->explain) {
			strbuf_adds(out, ".IP\n");
			add_roff(out, c->checks[i]->explain);
		}
	}
	if (c->procedures[0])
		strbuf_adds(out, ".SH PROCEDURES\nBy hand: plmaint procedure run LABEL, with each "
				 "parameter as \\-\\-param NAME=VALUE.\n");
	for (size_t i = 0; c->procedures[i]; i++) {
		const struct procedure *p = c->procedures[i];

		docs_man_item(out, p->label, p->summary);
		if (p->explain) {
			strbuf_adds(out, ".IP\n");
			add_roff(out, p->explain);
		}
		if (p->changes) {
			strbuf_adds(out, ".IP\nIt changes:\n");
			add_roff(out, p->changes);
		}
		if (p->deletes) {
			strbuf_adds(out, ".IP\nIt deletes, and only with \\-\\-delete:\n");
			add_roff(out, p->deletes);
		}
		add_params(out, p->params);
	}
}

/* "from 1 to 16; default 4" */
static void add_bounds(struct strbuf *text, const struct config_key *k)
{
	char least[32], most[32];
	const char *parted = " (";

	if (k->kind == CONFIG_TIME) {
		clock_in_words(k->least, least, sizeof(least));
		clock_in_words(k->most, most, sizeof(most));
	} else {
		(void)snprintf(least, sizeof(least), "%.10g", k->least);
		(void)snprintf(most, sizeof(most), "%.10g", k->most);
	}
	if (isfinite(k->most) && k->most > k->least) {
		strbuf_addf(text, " (from %s to %s", least, most);
		parted = "; ";
	}
	if (k->fallback)
		strbuf_addf(text, "%sdefault %s", parted, k->fallback);
	if (k->fallback || parted[0] == ';')
		strbuf_adds(text, ")");
}

static void add_config(struct strbuf *out)
{
	strbuf_adds(out,
		    ".SH CONFIGURATION\n"
		    "Files are in ini form; the section is all before the last dot of a key.\n"
		    "The environment variable of a key is PLMAINT_ and the key in capitals, dots\n"
		    "and dashes as underscores.\n");
	for (const struct config_key *k = config_keys; k->name; k++) {
		AUTO_STRBUF struct strbuf text = { 0 };

		strbuf_adds(&text, k->help);
		add_bounds(&text, k);
		docs_man_item(out, k->name, text.data);
	}
}

static void add_field_rows(struct strbuf *out, const struct field_doc *f)
{
	for (; f->key; f++) {
		AUTO_STRBUF struct strbuf text = { 0 };

		strbuf_addf(&text, "%s, %s%s: %s", f->key, field_type_word(f->type),
			    f->flags & FIELD_ALWAYS ? ", always" : "", f->meaning);
		strbuf_adds(out, ".br\n");
		add_roff(out, text.data);
	}
}

static void add_events(struct strbuf *out)
{
	strbuf_adds(
		out,
		".SH EVENTS\nWith \\-\\-json, stdout is one JSON object a line.\nA field that is "
		"absent is unknown; more fields may come. Every event has:\n");
	add_field_rows(out, event_common_fields);
	for (const struct event_doc *e = event_docs; e->name; e++) {
		docs_man_item(out, e->name, e->meaning);
		add_field_rows(out, e->fields);
	}
}

static void add_exits(struct strbuf *out)
{
	strbuf_adds(out, ".SH EXIT STATUS\n");
	for (const struct exit_text *t = exit_texts; t->meaning; t++) {
		strbuf_addf(out, ".TP\n.B %d\n", t->status);
		add_roff(out, t->meaning);
	}
}

void docs_man(struct strbuf *out, const struct catalogue *c)
{
	strbuf_addf(
		out,
		".TH PLMAINT 8 \"%s\" \"plmaint %s\" \"System Administration\"\n"
		".SH NAME\nplmaint \\- maintain Pulp container registries\n"
		".SH SYNOPSIS\n.B plmaint\n[GLOBAL OPTIONS] COMMAND [ACTION] [ARGUMENTS] "
		"[OPTIONS]\n"
		".SH DESCRIPTION\nplmaint composes checks, which look, and procedures, which act, "
		"into scenarios.\nIts main scenario moves the data of container manifests from "
		"artifact files into\nPulp's database while Pulp is online.\n"
		".SH GLOBAL OPTIONS\nThey stand before or after the command.\n",
		PLMAINT_DATE, PLMAINT_VERSION);
	add_options(out, c->globals);
	add_commands(out, c);
	add_catalogue(out, c);
	add_config(out);
	add_events(out);
	add_exits(out);
	strbuf_adds(
		out,
		".SH FILES\n"
		".TP\n.B /etc/plmaint/plmaint.conf\nthe configuration\n"
		".TP\n.B /etc/plmaint/conf.d/*.conf\nread after it, in the order of their names\n"
		".TP\n.B /var/lib/plmaint\njournal and lock of this host\n");
}
