/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A restored site held against its backup, by its database and its media alone. */
#pragma once
#include "procedures/restore_job.h"

struct restore_comparison {
	int64_t listed, absent; /* rows of the list of artifacts; of these, not in the database */
	size_t read, bad;	/* artifacts read; of these, not there or of other bytes */
};
/*
 * Every row of the backup's list, with its digest, size and path, has to be in the database; what
 * has come since may be.  A backup without content has no list.
 */
bool restore_compare_rows(const struct restore_job *j, const struct probe *p,
			  struct restore_comparison *ret, struct outcome *out,
			  struct err *err) MUST_CHECK;
/* Reads some of the artifacts that the database names, drawn by lot. */
bool restore_compare_files(const struct restore_job *j, const struct probe *p,
			   struct restore_comparison *ret, struct outcome *out,
			   struct err *err) MUST_CHECK;
