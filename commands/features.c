/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was found on this host, and why the rest was not: the question that people have. */
#include "lib/host/features.h"

#include "commands/commands.h"
#include "lib/core/mem.h"

static bool answer(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)exit_status;
	(void)err;
	/* A host without Pulp's settings or with its database down still has an answer. */
	s->provide(s, NEED_DB, false);
	for (size_t i = 0; features[i]; i++) {
		const char *why = "";
		bool present = features[i]->present(s->probe, &why);
		AUTO_FREE char *line = xasprintf("%-18s %-7s %s\n", features[i]->name,
						 present ? "present" : "absent", why);

		EMIT(s->reporter, "feature", F_TEXT("name", features[i]->name),
		     F_BOOL("present", present), F_TEXT("message", why));
		s->reporter->print(s->reporter->self, line);
	}
	return true;
}

const struct command command_features = {
	.name = "features",
	.summary = "show what was found on this host, and why the rest was not",
	.actions =
		(const struct action[]){
			{ .summary = "show what was found on this host, and why the rest was not",
			  .example = "plmaint features",
			  .explain =
				  "A feature is a thing that steps care about: Pulp, its database, "
				  "its cache, Katello, a smart proxy.",
			  .answer = answer },
			{ 0 },
		},
};
