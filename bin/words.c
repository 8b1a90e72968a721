/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Command and action words; a slip is answered with the nearest name. */
#include "bin/words.h"

#include "lib/core/mem.h"

#include <stdint.h>
#include <string.h>

static bool take_globals(struct words *w, struct globals *g, struct err *err)
{
	int used;

	if (!options_parse_leading(global_options, g, w->argc, w->argv, &used, err))
		return false;
	w->argc -= used;
	w->argv += used;
	return true;
}

static void drop(struct words *w)
{
	w->argc--;
	w->argv++;
}

static bool unknown_command(const char *word, const struct catalogue *c, struct err *err)
{
	const struct foreign_command *f;
	size_t n = 0;

	for (f = c->foreign; f->name; f++) {
		if (strcmp(f->name, word) == 0) {
			(void)err_set(err, ERR_USAGE, "'%s' is not a command of plmaint", word);
			return err_hint(err, "%s", f->instead);
		}
	}
	while (c->commands[n])
		n++;

	AUTO_FREE const char **names = xcalloc(n + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < n; i++)
		names[i] = c->commands[i]->name;
	near = nearest_name(word, names);
	(void)err_set(err, ERR_USAGE, "unknown command '%s'", word);
	if (near)
		return err_hint(err, "Did you mean `plmaint %s`?", near);
	return err_hint(err, "`plmaint --help` lists the commands.");
}

static bool unknown_action(const char *word, const struct command *c, struct err *err)
{
	const char *near;
	size_t n = 0;

	while (c->actions[n].summary)
		n++;

	AUTO_FREE const char **names = xcalloc(n + 1, sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = c->actions[i].name;
	near = nearest_name(word, names);
	(void)err_set(err, ERR_USAGE, "unknown action '%s' of %s", word, c->name);
	if (near)
		return err_hint(err, "Did you mean `plmaint %s %s`?", c->name, near);
	return err_hint(err, "`plmaint %s --help` lists its actions.", c->name);
}

static bool find_action(struct words *w, const struct command *c, struct globals *g,
			const struct action **ret, struct err *err)
{
	if (!c->actions[0].name) {
		*ret = &c->actions[0];
		return true;
	}
	*ret = NULL;
	if (!take_globals(w, g, err)) {
		if (strstr(err->text, "unknown option"))
			return err_hint(err,
					"Options of an action stand after it: "
					"`plmaint %s --help` lists the actions.",
					c->name);
		return false;
	}
	if (w->argc == 0)
		return true;
	for (const struct action *a = c->actions; a->summary; a++) {
		if (strcmp(a->name, w->argv[0]) == 0) {
			*ret = a;
			drop(w);
			return true;
		}
	}
	return unknown_action(w->argv[0], c, err);
}

bool words_resolve(struct words *w, const struct catalogue *c, struct globals *g,
		   const struct command **ret_command, const struct action **ret_action,
		   struct err *err)
{
	const struct command *command;
	const struct action *action;

	if (!take_globals(w, g, err))
		return false;
	if (w->argc > 0 && strcmp(w->argv[0], "help") == 0) {
		g->help = 1;
		drop(w);
	}
	/* foreman-maintain's `advanced procedure ...`. */
	if (w->argc > 1 && strcmp(w->argv[0], "advanced") == 0 &&
	    strcmp(w->argv[1], "procedure") == 0)
		drop(w);
	*ret_command = NULL;
	*ret_action = NULL;
	if (w->argc == 0)
		return true;
	command = catalogue_command(c, w->argv[0]);
	if (!command)
		return unknown_command(w->argv[0], c, err);
	drop(w);
	if (!find_action(w, command, g, &action, err))
		return false;
	*ret_command = command;
	*ret_action = action;
	return true;
}

/* "DIR [ID]": how many have to be there, and how many may be. */
static void count_operands(const char *usage, size_t *least, size_t *most)
{
	*least = *most = 0;
	for (const char *at = usage; at && *at; at += strspn(at, " ")) {
		*least += *at != '[';
		++*most;
		at += strcspn(at, " ");
	}
	if (usage && strstr(usage, "..."))
		*most = SIZE_MAX;
}

static bool wrong_operand(const struct command *c, const struct action *a, const char *what,
			  const char *word, struct err *err)
{
	(void)err_set(err, ERR_USAGE, "%s '%s'", what, word);
	return err_hint(err, "`plmaint %s%s%s --help` shows what belongs there.", c->name,
			a->name ? " " : "", a->name ? a->name : "");
}

bool words_check(const struct command *c, const struct action *a, bool planned,
		 const char *const *operands, struct err *err)
{
	size_t n = 0, least, most;

	count_operands(a->operands, &least, &most);
	for (; operands[n]; n++) {
		if (!*operands[n])
			return wrong_operand(c, a, "an empty word", "", err);
		if (n >= most)
			return wrong_operand(c, a, "unexpected word", operands[n], err);
	}
	if (n >= least || planned)
		return true;
	(void)err_set(err, ERR_USAGE, "%s%s%s needs %s", c->name, a->name ? " " : "",
		      a->name ? a->name : "", a->operands);
	return err_hint(err, "For example: `%s`.", a->example);
}
