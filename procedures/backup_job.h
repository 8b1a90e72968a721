/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The backup that the steps of one run make together: the repository, locked, the directory of the
 * backup in it, and what its manifest will say.  It lives as long as the run; what a run leaves
 * unfinished is removed by the next that ends well.
 */
#pragma once
#include "lib/core/step.h"
#include "lib/drivers/probe.h"
#include "lib/store/manifest.h"
#include "procedures/site_throttle.h"

enum { BACKUP_PATH_MAX = 4096 };
struct backup_params {
	const char *dir;     /* of the repository */
	const char *kind;    /* "online" or "offline"; NULL: online */
	int skip_content;    /* neither artifacts nor other media */
	int reflink;	     /* copies share blocks with what they are of, where that is possible */
	const char *encrypt; /* as backup-config has it, for the manifest; NULL: as configured */
	/* Gets the path of this backup's directory once there is one, BACKUP_PATH_MAX bytes with
	 * its end; NULL: nobody asks. */
	char *where;
	long compress; /* level of the dumps, 0 to 9 */
};
/* at: what stands before the members in type, as "params." */
#define BACKUP_PARAMS_ROWS(type, at)                                                             \
	{ .name = "compress",                                                                    \
	  .kind = OPT_INT,                                                                       \
	  .offset = offsetof(type, at compress),                                                 \
	  .arg = "LEVEL",                                                                        \
	  .help = "of the dumps: 0 (not at all) to 9 (slow and small)",                          \
	  .max = 9,                                                                              \
	  .fallback = "1" },                                                                     \
		{ .name = "skip-pulp-content",                                                   \
		  .kind = OPT_FLAG,                                                              \
		  .offset = offsetof(type, at skip_content),                                     \
		  .help = "neither artifacts nor other media of Pulp" },                         \
	{                                                                                        \
		.name = "reflink", .kind = OPT_FLAG, .offset = offsetof(type, at reflink),       \
		.help = "copies share blocks with what they are of, where both are on one file " \
			"system that can: quick and small, and lost with that disk"              \
	}
extern const struct opt backup_params_table[];
struct backup_job {
	struct repository *repository;
	char id[BACKUP_ID_SIZE];
	struct backup_manifest manifest; /* id, kind, host and started are set */
	/* clock_monotonic() when the services began to stop, and the seconds until they answered
	 * again; NAN while that is not so. */
	double closed, downtime;
	/* What the steps are slowed by, one after the other; NULL until one is. */
	struct file_throttle throttle;
	struct stints *stints;
	bool unhindered; /* they were opened while the site stood still */
};
/* The one of this run, begun by the first step that asks.  Borrowed. */
bool backup_job_get(struct actor *a, const struct backup_params *p, struct backup_job **ret,
		    struct err *err) MUST_CHECK;
/* Whether the site stands still for this backup now. */
bool backup_job_closed(const struct backup_job *j);
/*
 * What slows a step that copies while the site works: the same for all steps, so that each need not
 * find out how others fare.  hurried: no more than the hard limits do.  Borrowed; stints_pause()
 * when the step has ended.
 */
bool backup_job_stints(struct actor *a, struct backup_job *j, bool hurried, struct stints **ret,
		       struct err *err) MUST_CHECK;
/* Removes what earlier runs have left unfinished. */
bool backup_job_tidy(const struct backup_job *j, struct err *err) MUST_CHECK;
/* "DIR/backups/ID/name"; caller frees. */
char *backup_job_path(const struct backup_job *j, const char *name);
