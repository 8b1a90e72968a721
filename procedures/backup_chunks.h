/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data of a database's large tables, beside pg_dump, which writes all else: read in chunks by
 * several sessions on the same snapshot, and what an earlier backup has of the same rows is taken
 * from there.  What comes out is a dump as any other, without need of an earlier one.
 */
#pragma once
#include "procedures/backup_databases.h"

struct chunks_request {
	struct actor *actor;
	const struct backup_job *job;
	const struct dump_source *source;
	const struct manifest_database *database;
	long level, sessions, nice; /* of gzip; how many; of the threads */
};
struct chunk_crew;
/* Begins; *ret is NULL where pg_dump is to write everything. */
bool chunks_begin(const struct chunks_request *rq, struct chunk_crew **ret,
		  struct err *err) MUST_CHECK;
/* What pg_dump is told to leave out; ends with NULL. */
const char *const *chunks_exclusions(const struct chunk_crew *c);
/* Until now; main thread. */
int64_t chunks_bytes(struct chunk_crew *c);
/* Waits for all of it; fn is called now and then. */
bool chunks_wait(struct chunk_crew *c, void (*fn)(void *arg), void *arg,
		 struct err *err) MUST_CHECK;
/*
 * Puts the data into the dump that pg_dump has written.  *refused: that archive cannot have it, of
 * which the reason is told; pg_dump has to write everything.
 */
bool chunks_join(struct chunk_crew *c, bool *refused, struct err *err) MUST_CHECK;
/* Ends what is at work, and removes what it has written. */
bool chunks_undo(struct chunk_crew *c, struct err *err) MUST_CHECK;
/* Adds to *ret. */
void chunks_count(const struct chunk_crew *c, struct dump_tally *ret);
void chunks_end(struct chunk_crew *c); /* what is still at work is given up; NULL is fine */
