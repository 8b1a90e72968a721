/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing of this host begins work on Pulp by itself from here on. */
#include "lib/drivers/probe.h"
#include "lib/host/closure.h"
#include "lib/host/closure_end.h"
#include "lib/host/schedules.h"
#include "procedures/procedures.h"

static bool in_force(const struct config *config, bool *ret, struct outcome *why, struct err *err)
{
	struct schedules now = { .timers = NULL };

	if (!schedules_find(config, &now, err))
		return false;
	*ret = now.n_timers + now.n_tables > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%zu timer(s) and %zu table(s) of cron are in force", now.n_timers,
		    now.n_tables);
	schedules_release(&now);
	return true;
}

/* Whether ports are closed for a time, at whose end somebody has to start what was stopped. */
static bool is_timed(const struct config *config, bool *ret, struct err *err)
{
	struct closure now = { .noted = false };

	if (!closure_look(config, &now, err))
		return false;
	*ret = now.noted && now.until > 0;
	closure_release(&now);
	return true;
}

/* What was stopped for good may have got a time since. */
static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct schedules noted = { .timers = NULL };
	bool timed = false;

	(void)params;
	if (!in_force(p->config, ret, why, err) || !schedules_noted(p->config, &noted, err))
		return false;

	bool waits = noted.n_timers + noted.n_tables > 0;

	schedules_release(&noted);
	if (waits && !is_timed(p->config, &timed, err))
		return false;
	*ret |= timed;
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct config *config = a->look->config;
	struct schedules all = { .timers = NULL };
	struct err why = { 0 };
	bool timed = false, ends;

	(void)params;
	if (!actor_lock_host(a, err))
		return false;
	/* Who starts them again is there before they are stopped. */
	ends = is_timed(config, &timed, &why) && (!timed || closure_end_await(config, &why));
	if (!schedules_stop(config, &all, err))
		return false;
	outcome_set(out, ends ? RESULT_OK : RESULT_WARNING,
		    "%zu timer(s) and %zu table(s) of cron are stopped%s%s", all.n_timers,
		    all.n_tables,
		    ends ? "" : ", and nobody waits for the end of the time: ", why.text);
	if (!ends)
		outcome_hint(out, "`plmaint maintenance-mode stop` starts them.");
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

	(void)params;
	if (!in_force(p->config, &any, &now, err))
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
		"host-schedules-start brings back exactly those; where ports are closed for a time, a process in the background "
		"does so at its end. What such a timer has started already goes on.",
	.changes = "timers of systemd, files of cron, and a note in the state directory",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.needed = needed,
	.run = run,
	.verify = verify,
};
