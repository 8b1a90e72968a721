/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A transaction that stays open keeps every dead row alive and holds its locks: vacuum,
 * migrations and plmaint's detach all wait.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static const struct look look = {
	.needs = "core_task",
	.sql = "SELECT coalesce(nullif(a.application_name, ''), 'process') || ' ' || a.pid || ' of ' || coalesce(a.usename, '?') || ', '"
	       " || coalesce(a.state, 'not shown') || ' since ' || to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), count(*) OVER ()"
	       " FROM pg_stat_activity a WHERE a.datname = current_database() AND a.pid <> pg_catalog.pg_backend_pid()"
	       " AND (a.xact_start < now() - interval '1 h'"
	       " OR (a.state LIKE 'idle in transaction%' AND a.state_change < now() - interval '5 min')) ORDER BY a.xact_start LIMIT 10",
	.bad = RESULT_WARNING,
	.sound = "no transaction has been open for long",
	.found = "transaction(s) (has|have) been open for more than an hour, or idle for 5 minutes",
	.hint = "Find out whose they are; `SELECT pg_terminate_backend(PID)` ends one.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_transactions_long = {
	.label = "pulp-transactions-long",
	.summary = "no transaction has been open for long",
	.source = "pg_stat_activity",
	.explain =
		"Of other roles' sessions the server shows the times only to members of pg_read_all_stats.",
	.tags = (const char *const[]){ "default", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
