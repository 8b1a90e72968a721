/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a check or procedure exists, or what a row's reason code means. */
#include "commands/commands.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/pulp/reasons.h"

#include <string.h>

struct entry {
	const char *name, *kind, *summary, *explain, *hint;
	const struct check *check;	   /* NULL unless it is one */
	const struct procedure *procedure; /* the same */
};

static bool look_up(const struct catalogue *c, const char *name, struct entry *e)
{
	const struct check *check = catalogue_check(c, name);
	const struct procedure *proc = catalogue_procedure(c, name);
	enum reason r = reason_by_code(name);

	if (check)
		*e = (struct entry){ .name = name,
				     .kind = "check",
				     .summary = check->summary,
				     .explain = check->explain,
				     .check = check };
	else if (proc)
		*e = (struct entry){ .name = name,
				     .kind = "procedure",
				     .summary = proc->summary,
				     .explain = proc->explain,
				     .procedure = proc };
	else if (r != REASON_NONE)
		*e = (struct entry){ .name = name,
				     .kind = "reason",
				     .summary = reason_text(r)->sentence,
				     .hint = reason_text(r)->hint };
	return check || proc || r != REASON_NONE;
}

static size_t all_names(const struct catalogue *c, const char **names)
{
	size_t n = 0;

	for (size_t i = 0; c->checks[i]; i++, n++)
		if (names)
			names[n] = c->checks[i]->label;
	for (size_t i = 0; c->procedures[i]; i++, n++)
		if (names)
			names[n] = c->procedures[i]->label;
	for (int r = REASON_NONE + 1; r < REASON_COUNT; r++, n++)
		if (names)
			names[n] = reason_text((enum reason)r)->code;
	return n;
}

static bool unknown(const struct catalogue *c, const char *name, struct err *err)
{
	AUTO_FREE const char **names = xcalloc(all_names(c, NULL) + 1, sizeof(*names));
	const char *near;

	(void)all_names(c, names);
	near = nearest_name(name, names);
	(void)err_set(err, ERR_USAGE, "'%s' is no label and no reason", name);
	if (near)
		return err_hint(err, "Did you mean %s?", near);
	return err_hint(err, "`plmaint explain` without a word lists all.");
}

/* The terms of a label, as the event has them. */
struct terms {
	const char *const *tags, *const *remedies;
	const char *needs[NEED_COUNT + 1];
	const char *source, *cost, *changes, *deletes;
};

static struct terms terms_of(const struct entry *e)
{
	const struct check *c = e->check;
	const struct procedure *p = e->procedure;
	unsigned needs = c ? c->needs : p ? p->needs : 0;
	struct terms t = { .tags = c ? c->tags : p ? p->tags : NULL };
	size_t n = 0;

	for (unsigned bit = 0; bit < NEED_COUNT; bit++)
		if (needs & 1U << bit)
			t.needs[n++] = need_word(1U << bit);
	if (c) {
		t.remedies = c->remedies;
		t.source = c->source;
		t.cost = c->cost ? c->cost : "moments, however large the site is";
	} else if (p) {
		t.changes = p->changes ? p->changes : "nothing";
		t.deletes = p->deletes;
	}
	return t;
}

static void add_words(struct strbuf *out, const char *head, const char *const *words)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	for (size_t i = 0; words && words[i]; i++)
		strbuf_addf(&line, "%s%s", i ? ", " : "", words[i]);
	if (!line.len)
		return;
	strbuf_addf(out, "\n  %s: ", head);
	text_wrap(out, line.data, 68, "    ");
}

static void add_text(struct strbuf *out, const char *head, const char *text)
{
	add_words(out, head, (const char *const[]){ text, NULL });
}

static void add_terms(struct strbuf *out, const struct terms *t)
{
	if (t->tags)
		strbuf_adds(out, "\n");
	add_words(out, "tags", t->tags);
	add_words(out, "needs", t->needs);
	add_text(out, "reads", t->source);
	add_text(out, "costs", t->cost);
	add_words(out, "mended by", t->remedies);
	add_text(out, "changes", t->changes);
	add_text(out, "deletes", t->deletes);
}

static void emit_entry(const struct session *s, const struct entry *e, const struct terms *t)
{
	struct field fields[13] = { F_TEXT("name", e->name),	   F_TEXT("kind", e->kind),
				    F_TEXT("summary", e->summary), F_TEXT("explain", e->explain),
				    F_TEXT("hint", e->hint),	   F_TEXT("source", t->source),
				    F_TEXT("cost", t->cost),	   F_TEXT("changes", t->changes),
				    F_TEXT("deletes", t->deletes) };
	size_t n = 9;

	if (t->tags)
		fields[n++] = (struct field)F_LIST("tags", t->tags);
	if (t->needs[0])
		fields[n++] = (struct field)F_LIST("needs", t->needs);
	if (t->remedies)
		fields[n++] = (struct field)F_LIST("remedies", t->remedies);
	emit(s->reporter, "explain", fields);
}

static void show(struct session *s, const struct entry *e)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	const struct terms terms = terms_of(e);

	emit_entry(s, e, &terms);
	strbuf_addf(&out, "%s (%s)\n  ", e->name, e->kind);
	text_wrap(&out, e->summary, 76, "  ");
	if (e->explain) {
		strbuf_adds(&out, "\n\n  ");
		text_wrap(&out, e->explain, 76, "  ");
	}
	add_terms(&out, &terms);
	if (e->hint) {
		strbuf_adds(&out, "\n  hint: ");
		text_wrap(&out, e->hint, 70, "  ");
	}
	strbuf_adds(&out, "\n");
	s->reporter->print(s->reporter->self, out.data);
}

static void show_line(struct session *s, const struct entry *e)
{
	AUTO_FREE char *line = xasprintf("%-32s %s\n", e->name, e->summary);

	EMIT(s->reporter, "explain", F_TEXT("name", e->name), F_TEXT("kind", e->kind),
	     F_TEXT("summary", e->summary));
	s->reporter->print(s->reporter->self, line);
}

static bool answer(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct entry e = { 0 };

	(void)options;
	(void)exit_status;
	if (!s->operands[0]) {
		AUTO_FREE const char **names =
			xcalloc(all_names(s->catalogue, NULL) + 1, sizeof(*names));

		(void)all_names(s->catalogue, names);
		for (size_t i = 0; names[i]; i++)
			if (look_up(s->catalogue, names[i], &e))
				show_line(s, &e);
		return true;
	}
	for (size_t i = 0; s->operands[i]; i++) {
		if (!look_up(s->catalogue, s->operands[i], &e))
			return unknown(s->catalogue, s->operands[i], err);
		show(s, &e);
	}
	return true;
}

const struct command command_explain = {
	.name = "explain",
	.summary = "explain a check, a procedure or a reason code",
	.actions =
		(const struct action[]){
			{ .summary = "explain a check, a procedure or a reason code",
			  .example = "plmaint explain no-link",
			  .explain = "Without a word it lists all labels and codes, a line each.",
			  .operands = "[LABEL|REASON]...",
			  .flags = ACTION_INFORMS,
			  .answer = answer },
			{ 0 },
		},
};
