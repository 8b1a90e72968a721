/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing of this host begins work on Pulp by itself from here on. */
#include "lib/drivers/probe.h"
#include "lib/host/schedules.h"
#include "procedures/procedures.h"

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct schedules now = { .timers = NULL };

	(void)params;
	if (!schedules_find(p->config, &now, err))
		return false;
	*ret = now.n_timers + now.n_tables > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%zu timers and %zu tables of cron are in force", now.n_timers, now.n_tables);
	schedules_release(&now);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct schedules all = { .timers = NULL };

	(void)params;
	if (!actor_lock_host(a, err) || !schedules_stop(a->look->config, &all, err))
		return false;
	outcome_set(out, RESULT_OK, "%zu timers and %zu tables of cron are stopped", all.n_timers,
		    all.n_tables);
	for (size_t i = 0; i < all.n_timers; i++)
		outcome_example(out, "%s", all.timers[i]);
	for (size_t i = 0; i < all.n_tables; i++)
		outcome_example(out, "%s", all.tables[i]);
	schedules_release(&all);
	return true;
}

static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct outcome now = { 0 };
	bool any;

	if (!needed(p, params, &any, &now, err))
		return false;
	if (any) {
		outcome_set(out, RESULT_FAILED, "%s again", now.text);
		outcome_hint(out, "Something else starts them at this time.");
	}
	return true;
}

const struct procedure procedure_host_schedules_stop = {
	.label = "host-schedules-stop",
	.summary = "stop the timers and the tables of cron that start work on Pulp",
	.explain =
		"Stops the timers that maintenance-mode.timers names and that are active, and sets the tables of cron aside "
		"that maintenance-mode.cron names, by renaming them in their directory. Both are noted before, and "
		"host-schedules-start brings back exactly those. What such a timer has started already goes on.",
	.changes = "timers of systemd, files of cron, and a note in the state directory",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.needed = needed,
	.run = run,
	.verify = verify,
};
