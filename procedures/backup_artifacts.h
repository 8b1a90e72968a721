/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The artifacts that a database names: their list, what of it the store lacks, and copying that. */
#pragma once
#include "procedures/backup_copy.h"
#include "procedures/backup_job.h"

extern const char backup_artifacts_name[]; /* of the list in the backup's directory */

struct artifacts_sum {
	int64_t count, bytes;
	int64_t lack, lack_bytes; /* of these, not in the store */
	unsigned char *lacks;	  /* which ones: a bit for each row of the list */
};
void artifacts_sum_release(struct artifacts_sum *s);
#define AUTO_ARTIFACTS_SUM __attribute__((cleanup(artifacts_sum_release)))
/* Bytes that so many artifacts of so many bytes take in the store. */
int64_t artifacts_need(int64_t count, int64_t bytes);
/* How many have been made since a day before that backup, and their bytes. */
bool backup_artifacts_since(struct pg *db, const char *since, int64_t *ret_count,
			    int64_t *ret_bytes, struct err *err) MUST_CHECK;
/*
 * Writes the list as the session sees it, and counts.  since, an ID: only what has been made since
 * a day before that backup; NULL: all.  ret is released first.
 */
bool backup_artifacts_list(const struct backup_job *j, struct pg *db, const char *since,
			   struct artifacts_sum *ret, struct err *err) MUST_CHECK;
/* Counts anew what the store lacks. */
bool backup_artifacts_sum(const struct backup_job *j, struct artifacts_sum *ret,
			  struct err *err) MUST_CHECK;
struct artifacts_pass {
	const char *label; /* of the step */
	double leave;	   /* the last seconds of copying that are left to the next pass; 0: none */
};
/*
 * Copies what the store lacks, of which sum speaks, where there is room.  What could not be had is
 * counted in the tally and no error; a list with nothing to copy asks nothing of the media.
 */
bool backup_artifacts_copy(struct actor *a, struct backup_job *j, const struct backup_params *p,
			   const struct artifacts_sum *sum, const struct artifacts_pass *pass,
			   struct copy_tally *tally, struct err *err) MUST_CHECK;
/* Whether so many bytes more have room; says by how much not. */
bool backup_room(const struct backup_job *j, int64_t bytes, struct err *err) MUST_CHECK;
