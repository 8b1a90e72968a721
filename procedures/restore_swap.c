/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one moment of a restore: in one transaction the old databases get another name and the loaded
 * ones theirs.  That it may have happened is noted before, so that nobody opens the site again
 * without asking the server.
 */
#include "lib/core/mem.h"
#include "lib/store/restore_note.h"
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <stdlib.h>

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };

	if (!restore_job_open(p, params, &j, err) || !restore_job_ask(&j, err))
		return false;
	*ret = !j.restored;
	outcome_set(why, RESULT_OK, "%s",
		    j.restored ? "the restored databases are in use already"
			       : "the restored databases are not in use yet");
	return true;
}

static bool swap(struct restore_job *j, struct err *err)
{
	AUTO_FREE const char *(*pairs)[2] = xcalloc(2 * j->n, sizeof(*pairs));
	size_t n = 0;

	for (size_t i = 0; i < j->n; i++) {
		const struct restore_database *d = &j->databases[i];

		if (d->restored)
			continue;
		if (!d->loaded)
			return err_set(err, ERR_NOT_FOUND, "%s is not loaded", d->fresh);
		if (d->has_live) {
			pairs[n][0] = d->live;
			pairs[n++][1] = d->old;
		}
		pairs[n][0] = d->fresh;
		pairs[n++][1] = d->live;
	}
	return restore_rename(j->db, (const char *const(*)[2])pairs, n, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const char *state_dir = config_get(a->look->config, "general.state_dir");
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	struct restore_note note;
	struct err ignored;

	if (!actor_lock_host(a, err) || !restore_job_open(a->look, params, &j, err) ||
	    !restore_job_ask(&j, err) || !restore_note_read(state_dir, &note, err))
		return false;
	/* RESTORE_SWAPPED: killed between the note and the change of names. */
	if (note.phase == RESTORE_NONE)
		return err_set(err, ERR_USAGE, "the site was not closed for a restore");
	note.phase = RESTORE_SWAPPED;
	if (!restore_note_write(state_dir, &note, err))
		return false;
	if (!swap(&j, err)) {
		/* Known not to have happened, the site may be opened as it was. */
		note.phase = RESTORE_CLOSED;
		if (restore_job_ask(&j, &ignored) && !j.restored)
			(void)!restore_note_write(state_dir, &note, &ignored);
		return false;
	}
	for (size_t i = 0; i < j.n; i++)
		outcome_example(out, "%s is in use; %s is what was before", j.databases[i].live,
				j.databases[i].has_live ? j.databases[i].old : "nothing");
	outcome_set(out, RESULT_OK, "the restored databases have their names");
	return true;
}

const struct procedure procedure_restore_swap = {
	.label = "restore-swap",
	.summary = "give the restored databases the names of those in use",
	.explain = "In one transaction, all databases or none. The old ones are called "
		   "NAME_before_ID from then on and stay until `restore finish`. Sessions of "
		   "others are not ended: who is still connected is named.",
	.changes = "names of databases",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.needed = needed,
	.run = run,
};
