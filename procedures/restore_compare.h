/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A restored site held against its backup, by its database and its media alone. */
#pragma once
#include "procedures/restore_job.h"

/*
 * Every row of the backup's list, with its digest, size and path, has to be in db, where nobody has
 * been at work yet; ERR_DATA says how many are not, and which is the first.  A backup without
 * content has no list.
 */
bool restore_compare_rows(const struct restore_job *j, struct pg *db, struct err *err) MUST_CHECK;

struct restore_files {
	size_t read, bad; /* artifacts; of these, not there or of other bytes */
};
/*
 * Reads some of the artifacts that the database names, drawn by lot.  Pulp may be at work: what it
 * removes meanwhile is not missing.
 */
bool restore_compare_files(const struct restore_job *j, const struct probe *p,
			   struct restore_files *ret, struct outcome *out,
			   struct err *err) MUST_CHECK;
