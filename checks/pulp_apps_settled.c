/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pulpcore's migrate refuses while an older service counts as online, and one that was killed does
 * so until its time to live has passed: two minutes for api.  A service beats three or four times
 * in that time, so one that has been silent for half of it is waited for: it beats again, or does
 * not count any more.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pulp/look.h"

static const double longest = 300; /* seconds; the longest time to live that Pulp has is 120 */

struct apps {
	long long online, silent;
	char silent_name[128]; /* one of them */
};

static bool ask(const struct probe *p, const char *heartbeats, struct apps *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*), count(*) FILTER (WHERE silent),"
		" coalesce(min(app_type || ' ' || name) FILTER (WHERE silent), '')"
		" FROM (SELECT app_type, name, clock_timestamp() - last_heartbeat > ttl / 2 AS silent FROM %s h"
		" WHERE last_heartbeat >= clock_timestamp() - ttl) a",
		heartbeats);

	if (!look_query(p, sql, &r, err))
		return false;
	ret->online = pg_int(r, 0, 0);
	ret->silent = pg_int(r, 0, 1);
	snprintf(ret->silent_name, sizeof(ret->silent_name), "%s", pg_text(r, 0, 2));
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	double since = clock_monotonic();
	const struct pulp_columns *c;
	struct apps a;
	bool waited = false;

	(void)params;
	if (!pulp_columns_known(p, &c, err))
		return false;
	AUTO_FREE char *heartbeats = pulp_heartbeats(p, c, err);
	if (!heartbeats)
		return false;
	for (;;) {
		if (!ask(p, heartbeats, &a, err))
			return false;
		if (a.silent == 0)
			break;
		if (clock_monotonic() - since > longest) {
			(void)err_set(err, ERR_TIMEOUT, "%s is silent and still counts as online",
				      a.silent_name);
			return err_hint(err, "Is the clock of its host right?");
		}
		waited = true;
		if (!stop_wait(0.25))
			return err_set(err, ERR_STOPPED, "stopped while waiting for %s",
				       a.silent_name);
	}
	outcome_set(out, RESULT_OK, "%lld services are online%s", a.online,
		    waited ? "; those that were killed do not count any more" : "");
	return true;
}

const struct check check_pulp_apps_settled = {
	.label = "pulp-apps-settled",
	.summary = "no service that was killed still counts as online",
	.explain =
		"Waits until each silent service has either beaten again or run out of its time to live, so that migrate does not "
		"refuse because of it: 120 seconds at most for api, 30 for content and worker.",
	.tags = (const char *const[]){ "upgrade", "services", NULL },
	.needs = NEED_DB,
	.run = run,
};
