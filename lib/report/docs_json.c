/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All tables as one JSON document: what the tests hold the program's output against. */
#include "lib/core/config.h"
#include "lib/core/exit.h"
#include "lib/core/version.h"
#include "lib/drivers/json.h"
#include "lib/report/docs.h"

#include <stdio.h>
#include <string.h>

/* Begins a member or element: a comma unless it is the first. */
static void next(struct strbuf *out)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		strbuf_adds(out, ",");
}

static void add_text(struct strbuf *out, const char *s)
{
	next(out);
	json_quote(out, s, strlen(s));
}

static void add_key(struct strbuf *out, const char *key)
{
	add_text(out, key);
	strbuf_adds(out, ":");
}

/* Absent when NULL, as in the events. */
static void add_member(struct strbuf *out, const char *key, const char *value)
{
	if (!value)
		return;
	add_key(out, key);
	add_text(out, value);
}

static void open_member(struct strbuf *out, const char *key, char bracket)
{
	add_key(out, key);
	strbuf_add(out, &bracket, 1);
}

static void open_element(struct strbuf *out)
{
	next(out);
	strbuf_adds(out, "{");
}

static void add_options(struct strbuf *out, const char *key, const struct opt *o)
{
	open_member(out, key, '[');
	for (; o && o->name; o++) {
		if (!o->help)
			continue;
		open_element(out);
		add_member(out, "name", o->name);
		if (o->letter)
			add_member(out, "letter", (const char[]){ o->letter, '\0' });
		add_member(out, "arg", o->arg);
		add_member(out, "help", o->help);
		add_member(out, "default", o->fallback);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

static void add_list(struct strbuf *out, const char *key, const char *const *list)
{
	open_member(out, key, '[');
	for (size_t i = 0; list && list[i]; i++)
		add_text(out, list[i]);
	strbuf_adds(out, "]");
}

static void add_needs(struct strbuf *out, unsigned needs)
{
	open_member(out, "needs", '[');
	for (unsigned bit = 0; bit < NEED_COUNT; bit++)
		if (needs & 1U << bit)
			add_text(out, need_word(1U << bit));
	strbuf_adds(out, "]");
}

static void add_steps(struct strbuf *out, const struct step *s)
{
	if (!s)
		return;
	open_member(out, "steps", '[');
	for (; s->check || s->procedure; s++)
		add_text(out, s->check ? s->check->label : s->procedure->label);
	strbuf_adds(out, "]");
}

static void add_commands(struct strbuf *out, const struct catalogue *c)
{
	open_member(out, "commands", '[');
	for (size_t i = 0; c->commands[i]; i++) {
		open_element(out);
		add_member(out, "name", c->commands[i]->name);
		add_member(out, "summary", c->commands[i]->summary);
		open_member(out, "actions", '[');
		for (const struct action *a = c->commands[i]->actions; a->summary; a++) {
			open_element(out);
			add_member(out, "name", a->name);
			add_member(out, "summary", a->summary);
			add_member(out, "example", a->example);
			add_member(out, "operands", a->operands);
			add_options(out, "options", a->options);
			add_steps(out, a->scenario);
			strbuf_adds(out, "}");
		}
		strbuf_adds(out, "]}");
	}
	strbuf_adds(out, "]");
}

static void add_catalogue(struct strbuf *out, const struct catalogue *c)
{
	open_member(out, "checks", '[');
	for (size_t i = 0; c->checks[i]; i++) {
		open_element(out);
		add_member(out, "label", c->checks[i]->label);
		add_member(out, "summary", c->checks[i]->summary);
		add_member(out, "explain", c->checks[i]->explain);
		add_member(out, "source", c->checks[i]->source);
		add_member(out, "cost", c->checks[i]->cost);
		add_list(out, "tags", c->checks[i]->tags);
		add_list(out, "remedies", c->checks[i]->remedies);
		add_needs(out, c->checks[i]->needs);
		add_options(out, "params", c->checks[i]->params);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
	open_member(out, "procedures", '[');
	for (size_t i = 0; c->procedures[i]; i++) {
		open_element(out);
		add_member(out, "label", c->procedures[i]->label);
		add_member(out, "summary", c->procedures[i]->summary);
		add_member(out, "explain", c->procedures[i]->explain);
		add_member(out, "changes", c->procedures[i]->changes);
		add_member(out, "deletes", c->procedures[i]->deletes);
		add_list(out, "tags", c->procedures[i]->tags);
		add_needs(out, c->procedures[i]->needs);
		add_options(out, "params", c->procedures[i]->params);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

static void add_fields(struct strbuf *out, const struct field_doc *f)
{
	open_member(out, "fields", '[');
	for (; f->key; f++) {
		open_element(out);
		add_member(out, "key", f->key);
		add_member(out, "type", field_type_word(f->type));
		add_member(out, "meaning", f->meaning);
		strbuf_addf(out, ",\"always\":%s,\"nullable\":%s}",
			    f->flags & FIELD_ALWAYS ? "true" : "false",
			    f->flags & FIELD_NULLABLE ? "true" : "false");
	}
	strbuf_adds(out, "]");
}

static void add_events(struct strbuf *out)
{
	open_member(out, "events", '{');
	open_member(out, "common", '{');
	add_fields(out, event_common_fields);
	strbuf_adds(out, "}");
	for (const struct event_doc *e = event_docs; e->name; e++) {
		open_member(out, e->name, '{');
		add_member(out, "meaning", e->meaning);
		add_fields(out, e->fields);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "}");
}

static void add_config(struct strbuf *out)
{
	open_member(out, "config", '[');
	for (const struct config_key *k = config_keys; k->name; k++) {
		open_element(out);
		add_member(out, "key", k->name);
		add_member(out, "default", k->fallback);
		add_member(out, "help", k->help);
		strbuf_adds(out, "}");
	}
	strbuf_adds(out, "]");
}

static void add_exits(struct strbuf *out)
{
	open_member(out, "exits", '{');
	for (const struct exit_text *t = exit_texts; t->meaning; t++) {
		char code[16];

		if (snprintf(code, sizeof(code), "%d", t->status) > 0)
			add_member(out, code, t->meaning);
	}
	strbuf_adds(out, "}");
}

void docs_json(struct strbuf *out, const struct catalogue *c)
{
	strbuf_adds(out, "{");
	add_member(out, "version", PLMAINT_VERSION);
	add_options(out, "globals", c->globals);
	add_commands(out, c);
	add_catalogue(out, c);
	add_config(out);
	add_events(out);
	add_exits(out);
	strbuf_adds(out, "}\n");
}
