/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The release of this build. */
#include "lib/core/version.h"

#include "commands/commands.h"

static bool answer(struct session *s, const void *options, int *exit_status, struct err *err)
{
	(void)options;
	(void)exit_status;
	(void)err;
	EMIT(s->reporter, "version", F_TEXT("version", PLMAINT_VERSION));
	s->reporter->print(s->reporter->self, "plmaint " PLMAINT_VERSION "\n");
	return true;
}

const struct command command_version = {
	.name = "version",
	.summary = "print the release",
	.actions =
		(const struct action[]){
			{ .summary = "print the release",
			  .example = "plmaint version",
			  .flags = ACTION_INFORMS,
			  .answer = answer },
			{ 0 },
		},
};
