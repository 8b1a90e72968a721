/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies files of Pulp's media into the store, by several threads, and tells how far it has come.
 */
#pragma once
#include "lib/drivers/probe.h"
#include "lib/pulp/storage.h"
#include "lib/store/object.h"

enum { COPY_EXAMPLES = 10 };
struct copy_tally {
	int64_t files, bytes;	       /* copied */
	int64_t absent;		       /* not there any more */
	int64_t wrong;		       /* unreadable, or of another digest */
	int64_t left;		       /* not tried, as the caller wanted it */
	char *examples[COPY_EXAMPLES]; /* of both, in words; owned */
	size_t n_examples;
};
void copy_tally_release(struct copy_tally *t);
#define AUTO_COPY_TALLY __attribute__((cleanup(copy_tally_release)))

struct copy_request {
	const struct actor *actor;
	const struct repository *repository;
	const struct storage *storage;
	bool reflink;		   /* where that is possible */
	struct stints *stints;	   /* borrowed; paused when the copying has ended */
	const char *label, *phase; /* for progress */
	int64_t files, bytes;	   /* in all; for progress */
	/* Told of each file that is in the store by now or soon, one call at a time, from any
	 * thread; may be NULL. */
	void (*done)(void *arg, const char *path, const struct object_copy *copy);
	void *arg;
};
struct copy_crew;
/* What may be used of this host is in backup.threads and backup.nice; how much of the time while
 * the site works is for the throttle to say. */
bool copy_begin(const struct copy_request *rq, struct copy_crew **ret, struct err *err) MUST_CHECK;
/*
 * One more file, of the domain NULL (the default one) or of that name.  sha256: the digest that it
 * must have, NULL where that is not known; those that are known come in the order of their digests.
 * size: in bytes, as far as is known.  ERR_STOPPED: what was copied until then is kept.
 */
bool copy_add(struct copy_crew *c, const char *domain, const char *path, const char *sha256,
	      int64_t size, struct err *err) MUST_CHECK;
/* Whether what was not added yet would be copied within so many seconds, as fast as it went until
 * now; how fast that is shows after a second. */
bool copy_soon_over(struct copy_crew *c, double seconds);
/* Waits for all of it; ends the crew in any case.  ret is added to. */
bool copy_end(struct copy_crew *c, struct copy_tally *ret, struct err *err) MUST_CHECK;
/* Ends it early, after an error of the caller's. */
void copy_abandon(struct copy_crew *c);
