/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * After an upgrade a service that was not restarted goes on with the old code on the new tables;
 * each writes the versions that it has loaded beside its heartbeat.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/pulp/look.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct pulp_columns *c;

	(void)params;
	if (!pulp_columns_known(p, &c, err))
		return false;
	AUTO_FREE char *heartbeats = pulp_heartbeats(p, c, err);
	if (!heartbeats)
		return false;
	AUTO_FREE char *sql = xasprintf(
		"WITH v AS (SELECT versions, count(*) AS n, min(app_type || ' ' || name) AS name FROM %s h"
		" WHERE last_heartbeat >= now() - ttl GROUP BY versions)"
		" SELECT v.n || ' services such as ' || v.name || ': ' || replace(v.versions, '\"', ''),"
		" count(*) OVER () FROM v WHERE (SELECT count(*) FROM v) > 1 ORDER BY v.n DESC LIMIT 10",
		heartbeats);

	return look_for(p,
			&(struct look){ .needs = "core_task",
					.sql = sql,
					.bad = RESULT_FINDING,
					.sound = "all services that are online run the same "
						 "versions",
					.found = "sets of versions are at work at once",
					.hint = "Restart the services that an upgrade has left "
						"running." },
			out, err);
}

const struct check check_pulp_apps_versions = {
	.label = "pulp-apps-versions",
	.summary = "all services of Pulp run the same versions",
	.explain = "Each service writes the versions of its components beside its heartbeat.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_DB,
	.run = run,
};
