/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a backup knows of a database itself: settings and rights, see backup_properties.c. */
#pragma once
#include "procedures/restore_job.h"

/* Calls fn for each role that they name; none where the backup knows nothing of them. */
bool restore_properties_roles(const struct restore_job *j, const struct restore_database *d,
			      bool (*fn)(void *arg, const char *role, struct err *err), void *arg,
			      struct err *err) MUST_CHECK;
/*
 * Gives them to the loaded database, db being a session with it.  What the server refuses is told
 * as an example of the outcome and counted in *refused: a database without a setting is still one.
 */
bool restore_properties_apply(const struct restore_job *j, const struct restore_database *d,
			      struct pg *db, size_t *refused, struct outcome *out,
			      struct err *err) MUST_CHECK;
