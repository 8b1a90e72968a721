/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where systemd does not run Pulp, the site says how its services are stopped. */
#include "lib/pulp/settings_kept.h"
#include "procedures/configured_command.h"
#include "procedures/procedures.h"

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return actor_lock_host(a, err) && settings_keep(&a->look->place, err) &&
	       configured_command_step(
		       a,
		       &(struct configured_command){ .key = "upgrade.stop_command",
						     .label = procedure_pulp_upgrade_stop.label },
		       out, err);
}

const struct procedure procedure_pulp_upgrade_stop = {
	.label = "pulp-upgrade-stop",
	.summary = "stop Pulp's services with upgrade.stop_command",
	.explain =
		"For a Pulp that systemd does not run: in containers, or on other hosts too. The "
		"command must be one that may be run twice.",
	.changes = "what upgrade.stop_command does",
	.tags = (const char *const[]){ "upgrade", NULL },
	.run = run,
};
