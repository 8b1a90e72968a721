/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A task that runs has an owner.  From pulpcore 3.89 on that is app_lock_id; until then it was a
 * lock of the worker's session, whose key is made of the task's uuid.  3.86 to 3.88 have the column
 * and may use either, and are told by the old tables of heartbeats that they still have.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/pulp/look.h"

#define NO_LOCK                                                                                          \
	"NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1" \
	" AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"  \
	" AND (l.classid::int8 << 32 | l.objid::int8) ="                                                 \
	" (('x' || translate(substr(t.pulp_id::text, 1, 18), '-', ''))::bit(64)"                         \
	" # ('x' || translate(substr(t.pulp_id::text, 20), '-', ''))::bit(64))::int8 & 9223372036854775807)"
#define NO_OWNER "t.app_lock_id IS NULL"
#define STALE_OWNER                                                                \
	" OR EXISTS (SELECT FROM core_appstatus s WHERE s.pulp_id = t.app_lock_id" \
	" AND s.last_heartbeat < now() - s.ttl)"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct pulp_columns *c;

	(void)params;
	if (!pulp_columns_known(p, &c, err))
		return false;
	bool column = pulp_has(c, "core_task.app_lock_id") && pulp_has(c, "core_appstatus");
	bool lock = !column || pulp_has(c, "core_worker");
	AUTO_FREE char *sql = xasprintf(
		"SELECT t.name || ' ' || t.pulp_id || ', ' || t.state || ' since '"
		" || to_char(coalesce(t.started_at, t.pulp_created) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
		" count(*) OVER () FROM core_task t WHERE t.state IN ('running', 'canceling')"
		" AND (%s%s%s%s) ORDER BY t.pulp_created LIMIT 10",
		column ? NO_OWNER : "", column && lock ? " AND " : "", lock ? NO_LOCK : "",
		column ? STALE_OWNER : "");

	return look_for(
		p,
		&(struct look){ .needs = "core_task.started_at",
				.sql = sql,
				.bad = RESULT_FINDING,
				.sound = "every task at work has a worker",
				.found = "tasks are marked as running and no worker has "
					 "them",
				.hint = "`pulp task cancel --uuid UUID` ends one and frees "
					"what it holds; running workers do so by themselves "
					"after a while." },
		out, err);
}

const struct check check_pulp_tasks_abandoned = {
	.label = "pulp-tasks-abandoned",
	.summary = "every task at work has a worker",
	.explain = "A worker that was killed leaves its task behind, and all that wants the same "
		   "repository waits for it.",
	.tags = (const char *const[]){ "default", "tasks", NULL },
	.needs = NEED_DB,
	.run = run,
};
