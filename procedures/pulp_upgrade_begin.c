/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From here on the site is this upgrade's to open again. */
#include "lib/core/clock.h"
#include "lib/drivers/probe.h"
#include "lib/host/upgrade_note.h"
#include "procedures/procedures.h"
#include "procedures/pulp_upgrade.h"

#include <stdio.h>

const struct opt upgrade_params_table[] = { UPGRADE_PARAMS_ROWS(struct upgrade_params), OPTS_END };

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	enum upgrade_phase phase;

	(void)params;
	if (!upgrade_phase(p->config, &phase, err))
		return false;
	*ret = phase == UPGRADE_NONE;
	outcome_set(why, RESULT_OK, "%s",
		    *ret ? "no upgrade is under way" : "an earlier run of it has begun already");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct upgrade_params *o = params;
	struct upgrade_note note = { .phase = UPGRADE_CLOSING, .since = clock_wall() };

	snprintf(note.run, sizeof(note.run), "%s", a->run_id);
	snprintf(note.to, sizeof(note.to), "%s", o->to ? o->to : "");
	if (!actor_lock_host(a, err) ||
	    !upgrade_note_write(config_get(a->look->config, "general.state_dir"), &note, err))
		return false;
	outcome_set(out, RESULT_OK, "noted");
	return true;
}

const struct procedure procedure_pulp_upgrade_begin = {
	.label = "pulp-upgrade-begin",
	.summary = "note that the site is being closed for an upgrade",
	.explain = "Whoever comes after a kill or a reboot knows by it what to finish.",
	.changes = "a note in general.state_dir",
	.tags = (const char *const[]){ "upgrade", NULL },
	.params = upgrade_params_table,
	.params_size = sizeof(struct upgrade_params),
	.needed = needed,
	.run = run,
};
