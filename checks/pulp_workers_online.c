/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Without a worker every sync, push and cleanup waits, while the registry answers as if all were
 * well. */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!look_query(
		    p,
		    "SELECT count(*) FROM {heartbeats} h WHERE app_type = 'worker' AND last_heartbeat >= now() - ttl",
		    &r, err))
		return false;
	if (pg_int(r, 0, 0) > 0) {
		outcome_set(out, RESULT_OK, "%lld worker(s) (is|are) online",
			    (long long)pg_int(r, 0, 0));
		return true;
	}
	outcome_set(out, RESULT_FINDING, "no worker of Pulp is online");
	outcome_hint(out, "Start them: `systemctl start 'pulpcore-worker@*'` where systemd runs "
			  "them; `journalctl -u 'pulpcore-worker@*'` tells why they ended.");
	return true;
}

const struct check check_pulp_workers_online = {
	.label = "pulp-workers-online",
	.summary = "a worker of Pulp is online",
	.source = "the heartbeats: core_appstatus, before it core_worker",
	.explain = "A worker is online when its last heartbeat in the database is younger than its "
		   "time to live, 30 seconds by default.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_DB,
	.run = run,
};
