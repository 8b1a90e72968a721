/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only root may see is not there for others: files of Pulp, keys, units (foreman-maintain's
 * root-user). */
#include "checks/checks.h"

#include <unistd.h>

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)p;
	(void)params;
	(void)err;
	if (geteuid() == 0) {
		outcome_set(out, RESULT_OK, "this is root");
		return true;
	}
	outcome_set(out, RESULT_WARNING, "this is not root but user %lld", (long long)geteuid());
	outcome_hint(out, "An upgrade, services and the firewall need root: run it with sudo.");
	return true;
}

const struct check check_host_user = {
	.label = "host-user",
	.summary = "it is root who looks",
	.source = "this process",
	.explain = "Checks of the database do without, where the role may read; an upgrade does "
		   "not.",
	.tags = (const char *const[]){ "pre-upgrade", "host", NULL },
	.run = run,
};
