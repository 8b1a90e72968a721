/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry is two services: api answers for manifests and tokens, content hands out the files.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!look_query(p,
			"SELECT count(*) FILTER (WHERE app_type = 'api'),"
			" count(*) FILTER (WHERE app_type = 'content')"
			" FROM {heartbeats} h WHERE last_heartbeat >= now() - ttl",
			&r, err))
		return false;
	long long api = pg_int(r, 0, 0), content = pg_int(r, 0, 1);
	bool well = api > 0 && content > 0;
	outcome_set(out, well ? RESULT_OK : RESULT_FINDING,
		    "%lld process(es) of the service api and %lld of content are online", api,
		    content);
	if (!well)
		outcome_hint(out, "Start them: `systemctl start pulpcore-api pulpcore-content` "
				  "where systemd runs them.");
	return true;
}

const struct check check_pulp_apps_online = {
	.label = "pulp-apps-online",
	.summary = "the services api and content of Pulp are online",
	.source =
		"the heartbeats: core_appstatus, before it core_apiappstatus and core_contentappstatus",
	.explain = "By their heartbeats in the database: 120 seconds for api, 30 for content, "
		   "unless Pulp's settings say otherwise.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.needs = NEED_DB,
	.run = run,
};
