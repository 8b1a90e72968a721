/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pulpcore's migrate refuses while an older service counts as online, and one that was killed does
 * so until its time to live has passed: two minutes for api.  A service beats three or four times
 * in that time, so one that has been silent for half of it is waited for: it beats again, or does
 * not count any more.  Not every migrate refuses: where all have been stopped, one that still beats
 * would be migrated from under its feet.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/pulp/apps_params.h"
#include "lib/pulp/look.h"

static const double longest = 300; /* seconds; the longest time to live that Pulp has is 120 */

static const struct opt params_table[] = {
	{ .name = "stopped",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct apps_params, stopped),
	  .help = "all have been stopped: one that still gives signs of life is a finding" },
	OPTS_END,
};

struct apps {
	long long online, silent, beating;
	char now[64];	/* of the server */
	char name[128]; /* of one that is waited for, or that beats */
};

/* since: the server's time of the first look, after which a beat is a sign of life; NULL: now. */
static bool ask(const struct probe *p, const char *heartbeats, const char *since, struct apps *ret,
		struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *after =
		since ? xasprintf("'%s'::timestamptz", since) : xstrdup("clock_timestamp()");
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*), count(*) FILTER (WHERE silent), count(*) FILTER (WHERE beating),"
		" coalesce((array_agg(app_type || ' ' || name ORDER BY beating DESC, silent DESC))[1], ''),"
		" clock_timestamp()::text"
		" FROM (SELECT app_type, name, clock_timestamp() - last_heartbeat > ttl / 2 AS silent,"
		" last_heartbeat > %s AS beating FROM %s h"
		" WHERE last_heartbeat >= clock_timestamp() - ttl) a",
		after, heartbeats);

	if (!look_query(p, sql, &r, err))
		return false;
	ret->online = pg_int(r, 0, 0);
	ret->silent = pg_int(r, 0, 1);
	ret->beating = pg_int(r, 0, 2);
	snprintf(ret->name, sizeof(ret->name), "%s", pg_text(r, 0, 3));
	snprintf(ret->now, sizeof(ret->now), "%s", pg_text(r, 0, 4));
	return true;
}

static bool wait_until_settled(const struct probe *p, bool stopped, struct apps *a, bool *waited,
			       struct err *err)
{
	double since = clock_monotonic();
	const struct pulp_columns *c;
	char first[64] = "";

	if (!pulp_columns_known(p, &c, err))
		return false;
	AUTO_FREE char *heartbeats = pulp_heartbeats(p, c, err);
	if (!heartbeats)
		return false;
	for (*waited = false;; *waited = true) {
		if (!ask(p, heartbeats, *first ? first : NULL, a, err))
			return false;
		if (!*first)
			snprintf(first, sizeof(first), "%s", a->now);
		if (stopped ? a->online == 0 || a->beating > 0 : a->silent == 0)
			return true;
		if (clock_monotonic() - since > longest) {
			(void)err_set(err, ERR_TIMEOUT, "%s is silent and still counts as online",
				      a->name);
			return err_hint(err, "Is the clock of its host right?");
		}
		if (!stop_wait(0.25))
			return err_set(err, ERR_STOPPED, "stopped while waiting for %s", a->name);
	}
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct apps_params *o = params;
	struct apps a;
	bool waited;

	if (!wait_until_settled(p, o->stopped, &a, &waited, err))
		return false;
	if (o->stopped && a.online > 0) {
		outcome_set(out, RESULT_FINDING,
			    "%lld service(s) (is|are) still online, such as %s", a.online, a.name);
		outcome_hint(out, "Stop them on the host behind the @: a migrate would refuse, or "
				  "run under them without a word.");
	} else {
		outcome_set(out, RESULT_OK, "%lld service(s) (is|are) online%s", a.online,
			    waited ? "; those that were killed do not count any more" : "");
	}
	return true;
}

const struct check check_pulp_apps_settled = {
	.label = "pulp-apps-settled",
	.summary = "no service that was killed still counts as online",
	.source = "the heartbeats",
	.explain =
		"Waits until each silent service has either beaten again or run out of its time to live, so that migrate does not "
		"refuse because of it: 120 seconds at most for api, 30 for content and worker.",
	.tags = (const char *const[]){ "upgrade", "services", NULL },
	.needs = NEED_DB,
	.params = params_table,
	.params_size = sizeof(struct apps_params),
	.run = run,
};
