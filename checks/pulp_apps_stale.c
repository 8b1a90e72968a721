/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A service that ends by itself deletes its row; a stale one is a process that was killed or hangs.
 * Workers delete such rows about every hundred heartbeats, so one of an hour ago means that nobody
 * does.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task",
	.sql = "SELECT app_type || ' ' || name || ', last seen ' || to_char(last_heartbeat AT TIME ZONE 'UTC',"
	       " 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER () FROM {heartbeats} h"
	       " WHERE last_heartbeat < now() - ttl ORDER BY last_heartbeat LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no service has vanished without signing off",
	.found = "service(s) (has|have) vanished without signing off",
	.hint = "Look into their journal; workers delete these "
		"rows after a while, unless there is none.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_apps_stale = {
	.label = "pulp-apps-stale",
	.summary = "no service of Pulp has vanished without signing off",
	.source = "the heartbeats",
	.explain =
		"Rows whose last heartbeat is older than their time to live: processes that were "
		"killed, or that hang.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.remedies = (const char *const[]){ "pulp-apps-remove", NULL },
	.needs = NEED_DB,
	.run = run,
};
