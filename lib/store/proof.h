/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a backup is what its manifest and its lists say, by reading it. */
#pragma once
#include "lib/store/manifest.h"
#include "lib/store/object.h"

struct stints;
struct proof {
	const struct repository *repository;
	const struct backup_manifest *manifest;
	double share; /* of the objects that are read, 0 to 1; of the others only the size is looked
			 at */
	long threads;
	int nice; /* of the threads, as priority_lower() has it; 0: they step back behind nobody */
	struct stints *stints; /* the threads read within them; borrowed, NULL: nobody minds */
	/* Told of each file that is wrong, one call at a time, from any thread. */
	void (*damage)(void *arg, const char *path, enum object_verdict v);
	/* Told about twice a second, from the calling thread; may be NULL. */
	void (*progress)(void *arg, int64_t done, int64_t total, int64_t bytes);
	void *arg;
};
/* *ret_damaged: how many were wrong.  ERR_STOPPED on the operator's wish. */
bool proof_run(const struct proof *p, int64_t *ret_damaged, struct err *err) MUST_CHECK;
/* Whether the lists of a backup, which say what it needs of the store, are what its manifest says.
 * ERR_DATA: the first that is not is named. */
bool proof_lists(const struct repository *r, const struct backup_manifest *m,
		 struct err *err) MUST_CHECK;
