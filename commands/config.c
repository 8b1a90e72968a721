/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration as it is in force, with where each value comes from. */
#include "lib/core/config.h"

#include "commands/commands.h"
#include "lib/core/mem.h"

static bool show(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)exit_status;
	(void)err;
	for (const struct config_key *k = config_keys; k->name; k++) {
		AUTO_FREE char *value = config_shown(s->config, k->name);
		const char *source = config_source(s->config, k->name);
		AUTO_FREE char *line =
			xasprintf("%-32s %-28s (%s)\n", k->name, value ? value : "-", source);

		EMIT(s->reporter, "config", F_TEXT("key", k->name), F_TEXT("value", value),
		     F_TEXT("source", source));
		s->reporter->print(s->reporter->self, line);
	}
	return true;
}

static bool check(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)exit_status;
	(void)err;
	/* That this is reached is the answer: a configuration that is wrong ends the command
	 * before. */
	EMIT(s->reporter, "done", F_TEXT("message", "the configuration is in order"));
	s->reporter->print(s->reporter->self, "The configuration is in order.\n");
	return true;
}

const struct command command_config = {
	.name = "config",
	.summary = "show the configuration, or check it",
	.explain = "Values come from /etc/plmaint/plmaint.conf, /etc/plmaint/conf.d/*.conf in the "
		   "order of their names, the environment (PLMAINT_SECTION_KEY) and --set; the "
		   "last one holds, and an empty value means not set. Passwords belong into files "
		   "that only their owner and group can read.",
	.actions =
		(const struct action[]){
			{ .name = "show",
			  .summary = "print every key with its value and source, passwords hidden",
			  .example = "plmaint config show",
			  .answer = show },
			{ .name = "check",
			  .summary = "read the configuration and say whether it is in order",
			  .example = "plmaint config check --config ./plmaint.conf",
			  .answer = check },
			{ 0 },
		},
};
