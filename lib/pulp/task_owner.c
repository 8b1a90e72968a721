/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions for SQL about the owner of a task. */
#include "lib/pulp/task_owner.h"

#include "lib/core/mem.h"

char *task_lock_key(const char *id)
{
	return xasprintf("((('x' || translate(substr(%s::text, 1, 18), '-', ''))::bit(64)"
			 " # ('x' || translate(substr(%s::text, 20), '-', ''))::bit(64))::int8"
			 " & 9223372036854775807)",
			 id, id);
}

static bool has_column(const struct pulp_columns *c)
{
	return pulp_has(c, "core_task.app_lock_id") && pulp_has(c, "core_appstatus");
}

bool task_has_lock(const struct pulp_columns *c)
{
	return !has_column(c) || pulp_has(c, "core_worker");
}

static char *no_lock(const char *alias)
{
	AUTO_FREE char *id = xasprintf("%s.pulp_id", alias);
	AUTO_FREE char *key = task_lock_key(id);

	return xasprintf(
		"NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 1"
		" AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
		" AND (l.classid::int8 << 32 | l.objid::int8) = %s)",
		key);
}

char *task_abandoned(const struct pulp_columns *c, const char *alias)
{
	AUTO_FREE char *lock = task_has_lock(c) ? no_lock(alias) : xstrdup("true");

	if (!has_column(c))
		return TAKE(lock);
	return xasprintf("(%s.app_lock_id IS NULL AND %s"
			 " OR EXISTS (SELECT FROM core_appstatus s WHERE s.pulp_id = %s.app_lock_id"
			 " AND s.last_heartbeat < now() - s.ttl))",
			 alias, lock, alias);
}
