/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Completion for a shell, printed from the tables of this very build. */
#include "lib/report/completion.h"

#include "commands/commands.h"

#include <string.h>

static bool answer(struct session *s, const void *options, int *exit_status, struct err *err)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	(void)options;
	(void)exit_status;
	if (strcmp(s->operands[0], "bash") != 0) {
		(void)err_set(err, ERR_USAGE, "completion knows one shell: bash");
		return err_hint(err, "source <(plmaint completion bash)");
	}
	if (s->json)
		return err_set(err, ERR_USAGE, "a script for bash is no JSON"),
		       err_hint(err, "Leave --json out; --dump=json has all words of this build.");
	completion_bash(&out, s->catalogue);
	s->reporter->print(s->reporter->self, out.data);
	return true;
}

const struct command command_completion = {
	.name = "completion",
	.summary = "print completion for bash",
	.actions =
		(const struct action[]){
			{ .summary = "print completion for bash",
			  .example = "source <(plmaint completion bash)",
			  .operands = "bash",
			  .flags = ACTION_INFORMS,
			  .answer = answer },
			{ 0 },
		},
};
