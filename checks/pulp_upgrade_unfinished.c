/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run of `upgrade run` that was killed leaves the site closed when the upgrade command had been
 * started: only its end may open it again.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/drivers/probe.h"
#include "lib/host/upgrade_note.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct upgrade_note note;
	char since[32];

	(void)params;
	if (!upgrade_note_read(config_get(p->config, "general.state_dir"), &note, err))
		return false;
	clock_rfc3339(note.since, since, sizeof(since));
	outcome_set(out, RESULT_FINDING, "an upgrade has closed this site since %s and is not done",
		    since);
	switch (note.phase) {
	case UPGRADE_NONE:
		outcome_set(out, RESULT_OK, "no upgrade of this host was left half way");
		break;
	case UPGRADE_CLOSING:
		outcome_hint(out, "Nothing was replaced yet. `plmaint upgrade run` goes on, or "
				  "brings the site back up where it cannot.");
		break;
	case UPGRADE_BEGUN:
	case UPGRADE_REPLACED:
		outcome_hint(out, "The site stays closed until its end: `plmaint upgrade run` "
				  "goes on from there.");
		break;
	}
	return true;
}

const struct check check_pulp_upgrade_unfinished = {
	.label = "pulp-upgrade-unfinished",
	.summary = "no upgrade was left half way on this host",
	.source = "the note of `upgrade run` in general.state_dir",
	.explain = "By the note that `upgrade run` keeps in general.state_dir.",
	.tags = (const char *const[]){ "default", "upgrade", "host", NULL },
	.run = run,
};
