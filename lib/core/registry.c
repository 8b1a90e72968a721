/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding things in the catalogue by name. */
#include "lib/core/step.h"

#include <string.h>

const struct check *catalogue_check(const struct catalogue *c, const char *label)
{
	for (size_t i = 0; c->checks[i]; i++)
		if (strcmp(c->checks[i]->label, label) == 0)
			return c->checks[i];
	return NULL;
}

const struct procedure *catalogue_procedure(const struct catalogue *c, const char *label)
{
	for (size_t i = 0; c->procedures[i]; i++)
		if (strcmp(c->procedures[i]->label, label) == 0)
			return c->procedures[i];
	return NULL;
}

const struct command *catalogue_command(const struct catalogue *c, const char *name)
{
	for (size_t i = 0; c->commands[i]; i++)
		if (strcmp(c->commands[i]->name, name) == 0)
			return c->commands[i];
	return NULL;
}
