/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The site is open: nothing is left to go on with. */
#include "lib/core/clock.h"
#include "lib/drivers/probe.h"
#include "lib/host/upgrade_note.h"
#include "procedures/procedures.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	enum upgrade_phase phase;

	(void)params;
	if (!upgrade_phase(p->config, &phase, err))
		return false;
	*ret = phase != UPGRADE_NONE;
	outcome_set(why, RESULT_OK, "%s", *ret ? "an upgrade is noted" : "no upgrade is noted");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const char *state_dir = config_get(a->look->config, "general.state_dir");
	struct upgrade_note note, none = { .phase = UPGRADE_NONE };
	char took[32];

	(void)params;
	if (!actor_lock_host(a, err) || !upgrade_note_read(state_dir, &note, err) ||
	    !upgrade_note_write(state_dir, &none, err))
		return false;
	clock_in_words(clock_wall() - note.since, took, sizeof(took));
	outcome_set(out, RESULT_OK, "the site was closed for %s", took);
	return true;
}

const struct procedure procedure_pulp_upgrade_end = {
	.label = "pulp-upgrade-end",
	.summary = "forget that the site was closed for an upgrade",
	.explain =
		"The last step, when the site is open again: after an upgrade, or instead of one.",
	.changes = "a note in general.state_dir",
	.tags = (const char *const[]){ "upgrade", NULL },
	.needed = needed,
	.run = run,
};
