/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Upstream's own commands of maintenance, from a list: pulpcore-manager also has some that delete a
 * plugin's tables or open a shell, which are no matter for a step.
 */
#include "lib/core/mem.h"
#include "lib/drivers/process.h"
#include "procedures/companion.h"
#include "procedures/patience.h"
#include "procedures/procedures.h"

#include <string.h>

enum { MOST_WORDS = 3 };

struct params {
	char *command;
	double timeout;
};

static const struct opt params_table[] = {
	{ .name = "command",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct params, command),
	  .arg = "\"COMMAND [ISSUE] [--dry-run]\"",
	  .help = "datarepair 7272, clean-up-progress-reports, handle-artifact-checksums, "
		  "container-repair-media-type, repository-size" },
	PATIENCE_ROW(struct params, "how long it may take"),
	OPTS_END,
};

static const char *const commands[] = { "datarepair",
					"datarepair-2327",
					"clean-up-progress-reports",
					"handle-artifact-checksums",
					"container-repair-media-type",
					"repository-size",
					NULL };
static const char *const further[] = { "2327",	   "7272",	  "7465", "--dry-run",
				       "--report", "--checksums", NULL };

static bool is_one_of(const char *word, const char *const *words)
{
	while (*words && strcmp(*words, word) != 0)
		words++;
	return *words != NULL;
}

static bool known(const char *const *words, struct err *err)
{
	if (!is_one_of(words[0], commands)) {
		(void)err_set(err, ERR_USAGE, "'%s' is no companion command that is run from here",
			      words[0]);
		return err_hint(err, "`plmaint procedure list` names them.");
	}
	for (size_t i = 1; words[i]; i++)
		if (!is_one_of(words[i], further))
			return err_set(err, ERR_USAGE, "'%s' is no word of %s", words[i], words[0]);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct params *o = params;
	const char *words[MOST_WORDS + 1] = { NULL };
	AUTO_FREE char *text = xstrdup(o->command ? o->command : "");

	if (!*text) {
		(void)err_set(err, ERR_USAGE, "no command was named");
		return err_hint(err, "Add --param command=\"datarepair 7272 --dry-run\".");
	}
	return process_split(text, words, MOST_WORDS, err) && known(words, err) &&
	       companion_run(a,
			     &(struct companion){ .label = "pulp-companion",
						  .words = words,
						  .timeout = o->timeout },
			     out, err);
}

const struct procedure procedure_pulp_companion = {
	.label = "pulp-companion",
	.summary = "run one of upstream's own commands of maintenance",
	.explain =
		"Runs `pulpcore-manager COMMAND` as the user pulp with the settings and the environment of Pulp's services, shows "
		"what it says as it comes, and keeps its last lines and its exit status.",
	.changes = "what that command changes",
	.tags = (const char *const[]){ "companion", NULL },
	.needs = NEED_SETTINGS,
	.params = params_table,
	.params_size = sizeof(struct params),
	.run = run,
};
