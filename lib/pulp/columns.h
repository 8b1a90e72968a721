/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which tables and columns a Pulp database has: releases differ, and a check asks for what it reads
 * and not for a version.  Asked once for all checks of a run.
 */
#pragma once
#include "lib/drivers/probe.h"

struct pulp_columns {
	char *list;   /* " core_task core_task.name ... " of Pulp's tables that the session sees */
	char *denied; /* " core_task ... " of which it may not read */
	char *role;   /* as whom it is there */
};
/* Borrowed until the session is renewed.  ERR_CONFIG: this is not the database of a Pulp. */
bool pulp_columns_known(const struct probe *p, const struct pulp_columns **ret,
			struct err *err) MUST_CHECK;
/* "core_appstatus" or "core_task.app_lock_id". */
bool pulp_has(const struct pulp_columns *c, const char *name);

/*
 * SQL of a relation, to stand behind FROM with a name of its own: app_type, name, last_heartbeat,
 * ttl, versions (text) and pulp_id of each service that has signed on, in whichever tables this
 * release keeps them.  The caller frees it.  ERR_UNSUPPORTED: in none that is known.
 */
char *pulp_heartbeats(const struct probe *p, const struct pulp_columns *c,
		      struct err *err) MUST_CHECK;
