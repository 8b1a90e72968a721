/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files below Pulp's media directory, put where a backup says they were. */
#pragma once
#include "lib/pace/stint.h"
#include "procedures/restore_job.h"

/* "artifacts.tsv", "media.tsv"; ends with NULL. */
extern const char *const restore_listings[];
/* What the backup leaves out: "pulp-content". */
bool restore_skipped(const struct restore_job *j, const char *word);
/* A backup without content has none. */
bool restore_has_listing(const struct restore_job *j, const char *name);

struct content_tally {
	int64_t files, bytes; /* looked at */
	int64_t unchanged;    /* since they were backed up, and not read */
	int64_t read;	      /* of what is on disk */
	int64_t copied, copied_bytes;
	int64_t replaced; /* had its digest for a name and other bytes */
	int64_t kept;	  /* other media that differs: it stays */
	int64_t bad;	  /* neither here nor in the store */
};
struct content_work {
	const struct restore_job *job;
	const char *listing;	     /* name of it, or its absolute path */
	const char *root;	     /* absolute */
	const struct config *config; /* where other domains' files are */
	bool checksum;		     /* all is read */
	size_t threads;
	int nice;	       /* of the threads, as priority_lower() has it */
	struct stints *stints; /* they work within them; borrowed */
	void (*tick)(void *arg, const struct content_tally *so_far); /* about once a second */
	/* Told in the main thread of what is bad or stays; what is a short phrase. */
	void (*tell)(void *arg, const char *path, const char *what);
	void *arg;
};
/* Adds to *t.  Stops with ERR_STOPPED, or with the first error of the file system. */
bool content_put(const struct content_work *w, struct content_tally *t, struct err *err) MUST_CHECK;
