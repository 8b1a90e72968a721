/* SPDX-License-Identifier: GPL-3.0-or-later */
/* At boot, before the services that it closes: what was held is held again, and what a program
 * had closed for a time is over with the program. */
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/host/closure.h"
#include "lib/host/schedules.h"
#include "lib/host/upgrade_note.h"
#include "procedures/procedures.h"

static bool stop_again(struct actor *a, struct err *err)
{
	struct schedules all = { .timers = NULL }, noted = { .timers = NULL };
	bool ok = schedules_noted(a->look->config, &noted, err);

	/* Without a note they were never stopped: maintenance mode was begun without them. */
	if (ok && noted.n_timers + noted.n_tables > 0)
		ok = schedules_stop(a->look->config, &all, err);
	schedules_release(&noted);
	schedules_release(&all);
	return ok;
}

static bool start_again(struct actor *a, struct err *err)
{
	struct schedules started = { .timers = NULL };
	AUTO_FREE char *lost = NULL;
	bool ok = schedules_start(a->look->config, &started, &lost, err);

	schedules_release(&started);
	return ok;
}

/*
 * Of an upgrade that has closed the site and had not started its command: nothing was replaced, so
 * the services that come up with the host are the right ones, and nobody is there to open for them.
 */
static bool was_never_begun(const struct config *config, bool *ret, struct err *err)
{
	struct upgrade_note note;

	if (!upgrade_note_read(config_get(config, "general.state_dir"), &note, err))
		return false;
	*ret = note.phase == UPGRADE_CLOSING && upgrade_closure_is_own(config, &note);
	return true;
}

static bool resume(struct actor *a, enum closure_left *ret, struct err *err)
{
	const struct config *config = a->look->config;
	bool over;

	if (!was_never_begun(config, &over, err))
		return false;
	if (!over)
		return closure_resume(config, ret, err);
	*ret = CLOSURE_LEFT_TIMED;
	return closure_open(config, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	enum closure_left left;

	(void)params;
	if (!actor_lock_host(a, err) || !resume(a, &left, err))
		return false;
	if (left == CLOSURE_LEFT_HELD ? !stop_again(a, err) : !start_again(a, err))
		return false;
	outcome_set(out, RESULT_OK, "%s",
		    left == CLOSURE_LEFT_HELD	 ? "the ports are closed again"
		    : left == CLOSURE_LEFT_TIMED ? "the ports are open: they were closed for a time"
						 : "the ports were not closed");
	return true;
}

const struct procedure procedure_host_maintenance_resume = {
	.label = "host-maintenance-resume",
	.summary = "after a reboot, put back the maintenance mode that was held",
	.explain =
		"Ports that were closed until they are opened are closed again, as noted, and "
		"what starts work by itself is stopped again. Ports that were closed for a time "
		"stay open, and what was stopped for it is started: whoever would have ended it "
		"has not survived the reboot. So do those of an upgrade that had not started its "
		"command.",
	.changes = "what host-firewall-close and host-schedules-stop change",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.run = run,
};
