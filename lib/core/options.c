/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows become popt tables for the time of one call.  popt only finds words and their values; each
 * value is parsed here, so that every message is ours and a unit or range is never guessed.
 */
#include "lib/core/options.h"

#include "lib/core/mem.h"

#include <popt.h>
#include <stdlib.h>
#include <string.h>

/* popt's val: the place of a row in its table, plus this for rows of the second table. */
enum { SECOND_TABLE = 1000 };

static size_t count_rows(const struct opt *table)
{
	size_t n = 0;

	while (table && table[n].name)
		n++;
	return n;
}

static void *field_of(void *target, const struct opt *o)
{
	return (char *)target + o->offset;
}

static bool set_value(const struct opt *o, void *target, const char *value, struct err *err)
{
	void *field = field_of(target, o);

	switch (o->kind) {
	case OPT_FLAG:
		*(int *)field = 1;
		return true;
	case OPT_TEXT:
		free(*(char **)field);
		*(char **)field = xstrdup(value);
		return true;
	case OPT_INT:
		return parse_long(value, o->min, o->max, field, err);
	case OPT_SECONDS:
		return parse_seconds(value, field, err) &&
		       (o->min == 0 || *(double *)field > 0 ||
			err_set(err, ERR_USAGE, "'%s' is no time at all", value));
	case OPT_SIZE: {
		long bytes;

		if (!parse_size(value, &bytes, err))
			return false;
		if (bytes < o->min || (o->max && bytes > o->max))
			return err_set(err, ERR_USAGE,
				       o->max ? "'%s' is outside %ld..%ld bytes"
					      : "'%s' is less than %ld byte(s)",
				       value, o->min, o->max);
		*(long *)field = bytes;
		return true;
	}
	case OPT_LIST: {
		char ***list = field;
		size_t n = 0;

		while (*list && (*list)[n])
			n++;
		*list = xrealloc(*list, (n + 2) * sizeof(**list));
		(*list)[n] = xstrdup(value);
		(*list)[n + 1] = NULL;
		return true;
	}
	}
	return err_set(err, ERR_BUG, "option kind %d", (int)o->kind);
}

static bool set_named(const struct opt *o, void *target, const char *value, struct err *err)
{
	/* `--only "$UNITS"` of a script that has not set it must not mean all of them. */
	if (!*value && (o->kind == OPT_TEXT || o->kind == OPT_LIST)) {
		(void)err_set(err, ERR_USAGE, "--%s: its value is empty", o->name);
		return err_hint(err, "Leave --%s out, or say its %s.", o->name, o->arg);
	}
	if (set_value(o, target, value, err))
		return true;
	return err_wrap(err, "--%s", o->name);
}

static void fill_popt(struct poptOption *out, const struct opt *table, int base)
{
	for (size_t i = 0; i < count_rows(table); i++)
		out[i] = (struct poptOption){
			.longName = table[i].name,
			.shortName = table[i].letter,
			.argInfo = table[i].kind == OPT_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
			.val = base + (int)i + 1,
		};
}

static bool unknown_option(const char *word, const struct opt *a, const struct opt *b,
			   struct err *err)
{
	size_t na = count_rows(a), nb = count_rows(b), n = 0;
	AUTO_FREE const char **names = xcalloc(na + nb + 1, sizeof(*names));
	AUTO_FREE char *bare = xstrdup(word + strspn(word, "-"));
	const char *near;

	bare[strcspn(bare, "=")] = '\0';
	for (size_t i = 0; i < na; i++)
		names[n++] = a[i].name;
	for (size_t i = 0; i < nb; i++)
		names[n++] = b[i].name;
	near = strlen(bare) > 1 ? nearest_name(bare, names) : NULL;
	(void)err_set(err, ERR_USAGE, "unknown option '%.*s'", (int)strcspn(word, "="), word);
	if (near)
		return err_hint(err, "Did you mean --%s?", near);
	return err_hint(err, "Options are listed by --help.");
}

struct parse {
	const struct opt *table, *second;
	void *target, *second_target;
	unsigned flags;
};

/* A popt context and the memory that it points into. */
struct context {
	poptContext popt;
	struct poptOption *rows;
	const char **words;
};

static void context_release(struct context *c)
{
	if (c->popt)
		poptFreeContext(c->popt);
	free(c->rows);
	free(c->words);
}
#define AUTO_CONTEXT __attribute__((cleanup(context_release)))

static bool take_options(const struct parse *p, struct context *c, int argc, char *const *argv,
			 struct err *err)
{
	size_t n = count_rows(p->table), m = count_rows(p->second);
	int rc;

	c->rows = xcalloc(n + m + 1, sizeof(*c->rows));
	fill_popt(c->rows, p->table, 0);
	fill_popt(c->rows + n, p->second, SECOND_TABLE);
	/* popt passes over the first word and refuses an empty list. */
	c->words = xcalloc((size_t)argc + 2, sizeof(*c->words));
	c->words[0] = "plmaint";
	for (int i = 0; i < argc; i++)
		c->words[i + 1] = argv[i];
	c->popt = poptGetContext("plmaint", argc + 1, c->words, c->rows, p->flags);
	if (!c->popt)
		return err_set(err, ERR_BUG, "the option parser did not start");

	while ((rc = poptGetNextOpt(c->popt)) > 0) {
		bool second = rc > SECOND_TABLE;
		const struct opt *o =
			second ? &p->second[rc - SECOND_TABLE - 1] : &p->table[rc - 1];
		AUTO_FREE char *value = poptGetOptArg(c->popt);

		if (!set_named(o, second ? p->second_target : p->target, value ? value : "", err))
			return false;
	}
	if (rc == -1)
		return true;

	const char *word = poptBadOption(c->popt, POPT_BADOPTION_NOALIAS);

	if (rc == POPT_ERROR_BADOPT)
		return unknown_option(word, p->table, p->second, err);
	if (rc == POPT_ERROR_NOARG)
		return err_set(err, ERR_USAGE, "option '%s' needs a value", word);
	if (rc == POPT_ERROR_UNWANTEDARG)
		return err_set(err, ERR_USAGE, "option '%s' takes no value", word);
	return err_set(err, ERR_USAGE, "option '%s': %s", word, poptStrerror(rc));
}

static size_t count_words(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

bool options_parse(const struct opt *table, void *target, const struct opt *globals,
		   void *global_target, int argc, char *const *argv, const char ***ret_operands,
		   struct err *err)
{
	const struct parse p = { table, globals, target, global_target, 0 };
	AUTO_CONTEXT struct context c = { 0 };

	if (!options_defaults(table, target, err) || !take_options(&p, &c, argc, argv, err))
		return false;

	/* popt's list dies with its context; the words themselves are the caller's. */
	const char **left = poptGetArgs(c.popt);
	size_t n = count_words(left);
	const char **operands = xcalloc(n + 1, sizeof(*operands));

	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < argc; k++)
			if (strcmp(left[i], argv[k]) == 0)
				operands[i] = argv[k];
	*ret_operands = operands;
	return true;
}

bool options_parse_leading(const struct opt *globals, void *global_target, int argc,
			   char *const *argv, int *ret_used, struct err *err)
{
	const struct parse p = { globals, NULL, global_target, NULL, POPT_CONTEXT_POSIXMEHARDER };
	AUTO_CONTEXT struct context c = { 0 };

	if (!take_options(&p, &c, argc, argv, err))
		return false;
	*ret_used = argc - (int)count_words(poptGetArgs(c.popt));
	return true;
}

static const struct opt *find_row(const struct opt *table, const char *name)
{
	for (; table && table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

bool options_set(const struct opt *table, void *target, const char *name, const char *value,
		 struct err *err)
{
	const struct opt *o = find_row(table, name);

	if (!o)
		return unknown_option(name, table, NULL, err);
	if (o->kind != OPT_FLAG)
		return set_named(o, target, value, err);
	if (strcmp(value, "yes") == 0 || strcmp(value, "1") == 0 || strcmp(value, "true") == 0 ||
	    !*value)
		return set_value(o, target, value, err);
	return strcmp(value, "no") == 0 || strcmp(value, "0") == 0 || strcmp(value, "false") == 0 ||
	       err_set(err, ERR_USAGE, "%s is yes or no, not '%s'", name, value);
}

bool options_defaults(const struct opt *table, void *target, struct err *err)
{
	for (; table && table->name; table++)
		if (table->fallback && !set_named(table, target, table->fallback, err))
			return false;
	return true;
}

void options_release(const struct opt *table, void *target)
{
	for (; table && table->name; table++) {
		void *field = field_of(target, table);

		if (table->kind == OPT_TEXT) {
			free(*(char **)field);
			*(char **)field = NULL;
		} else if (table->kind == OPT_LIST) {
			char ***list = field;

			for (size_t i = 0; *list && (*list)[i]; i++)
				free((*list)[i]);
			free(*list);
			*list = NULL;
		}
	}
}
