/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After an offline backup: for how long the site has stood still. */
#include "lib/core/clock.h"
#include "procedures/backup_job.h"
#include "procedures/procedures.h"

#include <math.h>

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	(void)p, (void)params, (void)why, (void)err;
	*ret = true;
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct backup_job *j;
	char words[32];

	if (!backup_job_get(a, params, &j, err))
		return false;
	j->downtime = clock_monotonic() - j->closed;
	if (isnan(j->downtime)) {
		outcome_set(out, RESULT_OK, "the services were not stopped");
		return true;
	}
	clock_in_words(j->downtime, words, sizeof(words));
	outcome_set(out, RESULT_OK, "the services were stopped for %s", words);
	return true;
}

const struct procedure procedure_backup_reopened = {
	.label = "backup-reopened",
	.summary = "say how long the site has stood still for the backup",
	.explain = "From the stop of the first service until all answer again.",
	.tags = (const char *const[]){ "backup", NULL },
	.params = backup_params_table,
	.params_size = sizeof(struct backup_params),
	.needed = needed,
	.run = run,
};
