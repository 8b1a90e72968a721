/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The site is open: nothing is left to go on with. */
#include "lib/core/clock.h"
#include "lib/drivers/probe.h"
#include "lib/store/restore_note.h"
#include "procedures/procedures.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct restore_note note;

	(void)params;
	if (!restore_note_read(config_get(p->config, "general.state_dir"), &note, err))
		return false;
	*ret = note.phase != RESTORE_NONE;
	outcome_set(why, RESULT_OK, "%s",
		    *ret ? "a restore has closed the site" : "no restore has closed the site");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const char *state_dir = config_get(a->look->config, "general.state_dir");
	struct restore_note note, none = { .phase = RESTORE_NONE };
	char took[32];

	(void)params;
	if (!actor_lock_host(a, err) || !restore_note_read(state_dir, &note, err) ||
	    !restore_note_write(state_dir, &none, err))
		return false;
	clock_in_words(clock_wall() - note.since, took, sizeof(took));
	outcome_set(out, RESULT_OK, "the site was closed for %s", took);
	if (note.phase == RESTORE_SWAPPED)
		outcome_hint(out, "`plmaint restore revert` goes back to the databases of before; "
				  "`plmaint restore finish` removes them.");
	return true;
}

const struct procedure procedure_restore_end = {
	.label = "restore-end",
	.summary = "forget that the site was closed for a restore",
	.explain = "The last step, when the site is open again: after a restore, or instead of "
		   "one.",
	.changes = "a note in general.state_dir",
	.tags = (const char *const[]){ "restore", NULL },
	.needed = needed,
	.run = run,
};
