/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nobody else is there to start the timers when the kernel opens the ports. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/probe.h"
#include "lib/host/closure.h"
#include "lib/host/schedules.h"
#include "procedures/procedures.h"

#include <math.h>

/* Seconds between two looks: whoever prolongs the time or ends it tells nobody here. */
static const double longest = 10, shortest = 0.5;

enum moment { NOT_YET, OVER, NOBODY_ASKS };

static bool look(const struct actor *a, enum moment *ret, double *ret_left, struct err *err)
{
	struct closure now = { .noted = false };

	if (!closure_look(a->look->config, &now, err))
		return false;
	*ret_left = now.until - clock_wall();
	*ret = !now.noted || now.until <= 0	    ? NOBODY_ASKS
	       : now.kernel.closed || *ret_left > 0 ? NOT_YET
						    : OVER;
	closure_release(&now);
	return true;
}

static bool wait_for_it(const struct actor *a, enum moment *ret, struct err *err)
{
	double left;

	while (look(a, ret, &left, err)) {
		if (*ret != NOT_YET)
			return true;
		if (!stop_wait(fmin(fmax(left, shortest), longest)))
			return err_set(err, ERR_STOPPED, "stopped before the end of the time");
	}
	return false;
}

/* Another run has the host for a while: the end has time, too. */
static bool take_host(struct actor *a, struct err *err)
{
	while (!actor_lock_host(a, err))
		if (err->code != ERR_LOCKED || !stop_wait(longest))
			return false;
	return true;
}

static bool start(struct actor *a, struct outcome *out, struct err *err)
{
	struct schedules started = { .timers = NULL };
	AUTO_FREE char *lost = NULL;

	if (!schedules_start(a->look->config, &started, &lost, err))
		return false;
	outcome_set(
		out, lost ? RESULT_WARNING : RESULT_OK,
		"the time is over: %zu timer(s) and %zu table(s) of cron are in force again%s%s",
		started.n_timers, started.n_tables, lost ? ", but " : "", lost ? lost : "");
	schedules_release(&started);
	/* What the kernel closes no longer leaves its table behind, and the note. */
	return closure_open(a->look->config, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	enum moment now;
	double left;

	(void)params;
	for (;;) {
		if (!wait_for_it(a, &now, err))
			return false;
		if (now == NOBODY_ASKS)
			break;
		/* Whoever had the host until now may have closed it again. */
		if (!take_host(a, err) || !look(a, &now, &left, err))
			return false;
		if (now == OVER)
			return start(a, out, err);
		lock_release(a->lock);
		a->lock = NULL;
	}
	outcome_set(out, RESULT_OK, "the ports are not closed for a time");
	return true;
}

const struct procedure procedure_host_schedules_await = {
	.label = "host-schedules-await",
	.summary = "wait for the end of a time that ports are closed for, and start what was "
		   "stopped",
	.explain = "The kernel opens the ports by itself; this starts the timers and the tables of "
		   "cron that were stopped for that time. It ends at once when the ports are not "
		   "closed for a time, and follows a time that is prolonged.",
	.changes = "what host-schedules-stop and host-firewall-close have changed",
	.tags = (const char *const[]){ "maintenance-mode", NULL },
	.needs = NEED_ROOT,
	.run = run,
};
