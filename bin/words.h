/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding out which command and action the words of a command line name. */
#pragma once
#include "bin/globals.h"
#include "lib/core/step.h"

struct words {
	int argc;
	char *const *argv; /* what is left */
};
/*
 * Takes global options and the command and action words off the front.  *ret_command is NULL when
 * there is no word, *ret_action when the command has actions and none is named.
 */
bool words_resolve(struct words *w, const struct catalogue *c, struct globals *g,
		   const struct command **ret_command, const struct action **ret_action,
		   struct err *err) MUST_CHECK;
/* The words that are left are as many as the action takes; none is empty, which an unset variable
 * of a script would be.  planned: a plan does without those that have to be there. */
bool words_check(const struct command *c, const struct action *a, bool planned,
		 const char *const *operands, struct err *err) MUST_CHECK;
