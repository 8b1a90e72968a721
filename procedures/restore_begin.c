/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From here on the site is this restore's to open again. */
#include "lib/core/clock.h"
#include "lib/store/restore_note.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <stdio.h>

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct restore_note note;

	(void)params;
	if (!restore_note_read(config_get(p->config, "general.state_dir"), &note, err))
		return false;
	*ret = note.phase == RESTORE_NONE;
	outcome_set(why, RESULT_OK, "%s",
		    *ret ? "no restore has closed the site" : "an earlier run has closed the site");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct restore_params *o = params;
	struct restore_note note = { .phase = RESTORE_CLOSED, .since = clock_wall() };

	/* A revert is of none. */
	(void)snprintf(note.id, sizeof(note.id), "%s", o->id ? o->id : "-");
	if (!actor_lock_host(a, err) ||
	    !restore_note_write(config_get(a->look->config, "general.state_dir"), &note, err))
		return false;
	outcome_set(out, RESULT_OK, "noted");
	return true;
}

const struct procedure procedure_restore_begin = {
	.label = "restore-begin",
	.summary = "note that the site is being closed for a restore",
	.explain = "Whoever comes after a kill or a reboot knows by it what to finish.",
	.changes = "a note in general.state_dir",
	.tags = (const char *const[]){ "restore", NULL },
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.needed = needed,
	.run = run,
};
