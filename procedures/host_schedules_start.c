/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What host-schedules-stop has stopped is in force again. */
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/host/schedules.h"
#include "procedures/procedures.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct schedules noted = { .timers = NULL };

	(void)params;
	if (!schedules_noted(p->config, &noted, err))
		return false;
	*ret = noted.n_timers + noted.n_tables > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%zu timer(s) and %zu table(s) of cron wait to be started again",
		    noted.n_timers, noted.n_tables);
	schedules_release(&noted);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct schedules started = { .timers = NULL };
	AUTO_FREE char *lost = NULL;

	(void)params;
	if (!actor_lock_host(a, err) || !schedules_start(a->look->config, &started, &lost, err))
		return false;
	outcome_set(out, lost ? RESULT_WARNING : RESULT_OK,
		    "%zu timer(s) and %zu table(s) of cron are in force again%s%s",
		    started.n_timers, started.n_tables, lost ? ", but " : "", lost ? lost : "");
	schedules_release(&started);
	return true;
}

static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct outcome left = { 0 };
	bool any;

	if (!needed(p, params, &any, &left, err))
		return false;
	if (any)
		outcome_set(out, RESULT_FAILED, "%s", left.text);
	return true;
}

const struct procedure procedure_host_schedules_start = {
	.label = "host-schedules-start",
	.summary = "start the timers and the tables of cron that were stopped",
	.explain = "Exactly those that host-schedules-stop has noted. A timer that an upgrade took "
		   "away, and a table that it put in the place of an old one, are named and stay "
		   "as they are.",
	.changes = "timers of systemd, files of cron, and the note in the state directory",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.needed = needed,
	.run = run,
	.verify = verify,
};
