/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An upgrade stops the units of this host.  What goes on elsewhere makes three of Pulp's hops
 * refuse half way, with what came before applied, and is migrated from under its feet by the two
 * that do not look (3.63 to 3.73, 3.105 to 3.116).
 */
#include "checks/checks.h"
#include "lib/host/process_unit.h"
#include "lib/pulp/look.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	size_t elsewhere = 0;

	(void)params;
	if (config_get(p->config, "upgrade.stop_command")) {
		outcome_set(out, RESULT_SKIPPED, "upgrade.stop_command stops those of all hosts");
		return true;
	}
	if (!look_query(p,
			"SELECT app_type || ' ' || name, name FROM {heartbeats} h"
			" WHERE last_heartbeat >= now() - ttl ORDER BY 1",
			&r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		if (process_of_heartbeat(pg_text(r, i, 1), 0) != 0)
			continue;
		outcome_example(out, "%s", pg_text(r, i, 0));
		elsewhere++;
	}
	outcome_count(out, "found", (int64_t)elsewhere);
	if (elsewhere == 0) {
		outcome_set(out, RESULT_OK,
			    "each of %zu service(s) that (is|are) online runs on this host",
			    pg_rows_count(r));
		return true;
	}
	outcome_set(out, RESULT_WARNING,
		    "%zu of %zu service(s) that (is|are) online (is|are) no processes of this host",
		    elsewhere, pg_rows_count(r));
	outcome_hint(out, "Stop them before the upgrade, or name a command that stops all of "
			  "Pulp's services in upgrade.stop_command.");
	return true;
}

const struct check check_pulp_apps_elsewhere = {
	.label = "pulp-apps-elsewhere",
	.summary = "no service of Pulp that is online is on another host",
	.source = "the heartbeats, and the processes of this host",
	.explain = "By the names beside the heartbeats, which are those of a process and its host; "
		   "containers of this host count as it. Only what runs here can be stopped from "
		   "here.",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", NULL },
	.needs = NEED_DB,
	.run = run,
};
