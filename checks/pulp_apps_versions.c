/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * After an upgrade a service that was not restarted goes on with the old code on the new tables;
 * each writes the versions that it has loaded beside its heartbeat.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task",
	.sql = "WITH v AS (SELECT versions, count(*) AS n, min(app_type || ' ' || name) AS name FROM {heartbeats} h"
	       " WHERE last_heartbeat >= now() - ttl GROUP BY versions)"
	       " SELECT v.n || ' service(s) such as ' || v.name || ': ' || replace(v.versions, '\"', ''),"
	       " count(*) OVER () FROM v WHERE (SELECT count(*) FROM v) > 1 ORDER BY v.n DESC LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "all services that are online run the same "
		 "versions",
	.found = "set(s) of versions (is|are) at work at once",
	.hint = "Restart the services that an upgrade has left "
		"running.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_apps_versions = {
	.label = "pulp-apps-versions",
	.summary = "all services of Pulp run the same versions",
	.source = "the heartbeats, and the versions beside them",
	.explain = "Each service writes the versions of its components beside its heartbeat.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_DB,
	.run = run,
};
