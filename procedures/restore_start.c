/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The counterpart of pulp-upgrade-stop, for a database that may be another than before: whether
 * they are there is asked by restore-verify. */
#include "procedures/configured_command.h"
#include "procedures/procedures.h"

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return actor_lock_host(a, err) &&
	       configured_command_step(
		       a,
		       &(struct configured_command){ .key = "upgrade.start_command",
						     .label = procedure_restore_start.label },
		       out, err);
}

const struct procedure procedure_restore_start = {
	.label = "restore-start",
	.summary = "start Pulp's services with upgrade.start_command",
	.explain = "For a Pulp that systemd does not run: in containers, or on other hosts too.",
	.changes = "what upgrade.start_command does",
	.tags = (const char *const[]){ "restore", NULL },
	.run = run,
};
