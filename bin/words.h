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
