/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A shell with TMOUT ends by itself, and with it what was started in it: an upgrade left half done
 * (foreman-maintain's check-tmout-variable). */
#include "checks/checks.h"

#include <stdlib.h>

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const char *value = getenv("TMOUT");

	(void)p;
	(void)params;
	(void)err;
	if (!value || strtol(value, NULL, 10) <= 0) {
		outcome_set(out, RESULT_OK, "TMOUT is not set");
		return true;
	}
	outcome_set(out, RESULT_WARNING, "the shell ends after %s s without input: TMOUT is set",
		    value);
	outcome_hint(out, "Run `unset TMOUT` before long work, or use `run --background`.");
	return true;
}

const struct check check_host_tmout = {
	.label = "host-tmout",
	.summary = "the shell does not end by itself",
	.source = "the environment of this process",
	.explain = "Seen where the variable is exported, as it is in most profiles that set it.",
	.tags = (const char *const[]){ "pre-upgrade", "host", NULL },
	.run = run,
};
