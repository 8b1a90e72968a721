/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp's own repair, by its API, without looking at checksums: files that are missing are
 * downloaded again where a remote has them.  With checksums it would delete files that are corrupt,
 * also the only copy of what was pushed.
 */
#include "lib/drivers/probe.h"
#include "lib/pulp/api.h"
#include "procedures/procedures.h"

struct params {
	double timeout;
};

static const struct opt params_table[] = {
	{ .name = "timeout",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct params, timeout),
	  .arg = "TIME",
	  .help = "how long Pulp's task is waited for",
	  .fallback = "2h" },
	OPTS_END,
};

static void tell(void *arg, const char *message, long done, long total)
{
	const struct actor *a = arg;

	EMIT(a->reporter, "progress", F_TEXT("label", "pulp-artifacts-repair"),
	     F_TEXT("phase", message), F_INT("done", done), F_INT("total", total));
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct params *o = params;
	AUTO_STRBUF struct strbuf said = { 0 };

	if (!pulp_api_work(a->look->config,
			   &(struct api_work){ .path = "repair/",
					       .body = "{\"verify_checksums\": false}",
					       .timeout = o->timeout,
					       .progress = tell,
					       .arg = a },
			   &said, err))
		return false;
	outcome_set(out, RESULT_OK, "%s", said.len ? said.data : "Pulp's repair has ended");
	return true;
}

const struct procedure procedure_pulp_artifacts_repair = {
	.label = "pulp-artifacts-repair",
	.summary = "let Pulp download again what is missing on disk",
	.explain =
		"Asks Pulp's API for its repair and waits for the task. What was pushed has no remote and is left as it is; files "
		"are not read, so that none is deleted because its content is corrupt.",
	.changes = "files of artifacts that are missing, by Pulp",
	.tags = (const char *const[]){ "fix", "storage", "online", NULL },
	.needs = NEED_SETTINGS,
	.params = params_table,
	.params_size = sizeof(struct params),
	.run = run,
};
