/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a backup knows of a database itself: settings and rights, see backup_properties.c. */
#pragma once
#include "lib/core/strbuf.h"
#include "procedures/restore_job.h"

/* Calls fn for each "role" or "tablespace" that they name; none where the backup knows nothing of
 * them. */
bool restore_properties_named(const struct restore_job *j, const struct restore_database *d,
			      const char *kind,
			      bool (*fn)(void *arg, const char *name, struct err *err), void *arg,
			      struct err *err) MUST_CHECK;
bool restore_tablespace_here(const struct restore_job *j, const char *name, bool *ret,
			     struct err *err) MUST_CHECK;
/* Adds the names of the tablespaces that something of the database was in and that this server does
 * not have, with commas. */
bool restore_tablespaces_absent(const struct restore_job *j, const struct restore_database *d,
				struct strbuf *out, struct err *err) MUST_CHECK;
/*
 * Gives them to the loaded database, db being a session with it.  What the server refuses is told
 * as an example of the outcome and counted in *refused: a database without a setting is still one.
 */
bool restore_properties_apply(const struct restore_job *j, const struct restore_database *d,
			      struct pg *db, size_t *refused, struct outcome *out,
			      struct err *err) MUST_CHECK;
