/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The counterpart of pulp-upgrade-stop: it is done when Pulp says so, not when the command ends. */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pulp/look.h"
#include "lib/pulp/settings_kept.h"
#include "procedures/configured_command.h"
#include "procedures/procedures.h"

static const double longest = 300; /* seconds until all have signed on */

static bool all_online(const struct probe *p, bool *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const struct pulp_columns *c;

	if (!pulp_columns_known(p, &c, err))
		return false;
	AUTO_FREE char *heartbeats = pulp_heartbeats(p, c, err);
	if (!heartbeats)
		return false;
	AUTO_FREE char *sql = xasprintf("SELECT count(DISTINCT app_type) = 3 FROM %s h"
					" WHERE last_heartbeat >= now() - ttl",
					heartbeats);
	if (!look_query(p, sql, &r, err))
		return false;
	*ret = pg_bool(r, 0, 0);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	double since = clock_monotonic();
	bool online = false;

	(void)params;
	/* Its tables are others than before the upgrade. */
	memo_forget(a->look->columns);
	if (!actor_lock_host(a, err) ||
	    !configured_command_step(
		    a,
		    &(struct configured_command){ .key = "upgrade.start_command",
						  .label = procedure_pulp_upgrade_start.label },
		    out, err))
		return false;
	while (out->result == RESULT_OK && !online) {
		if (!all_online(a->look, &online, err))
			return false;
		if (!online && (clock_monotonic() - since > longest || !stop_wait(0.25))) {
			outcome_set(out, RESULT_FAILED,
				    "Pulp's services do not sign on in its database");
			outcome_hint(out, "Look into their logs.");
		}
	}
	return !online || settings_forget(err);
}

const struct procedure procedure_pulp_upgrade_start = {
	.label = "pulp-upgrade-start",
	.summary = "start Pulp's services with upgrade.start_command and wait for them",
	.explain =
		"Waits until api, content and worker have signed on in Pulp's database. The command "
		"must be one that may be run twice.",
	.changes = "what upgrade.start_command does",
	.tags = (const char *const[]){ "upgrade", NULL },
	.needs = NEED_DB,
	.run = run,
};
