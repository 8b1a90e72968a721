/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The bytes of a repository, by digest.  A writer copies below store/tmp while it hashes; what it
 * has copied is made durable many at a time and then renamed to its digest.  So an object that has
 * its name is whole, also after a power cut, and a name that is there needs no second look; what a
 * kill leaves in store/tmp is of no use and is swept by the next backup.
 */
#pragma once
#include "lib/store/repository.h"

enum object_verdict {
	OBJECT_GOOD,
	OBJECT_MISSING,
	OBJECT_DIFFERS, /* its bytes have another digest or size */
	OBJECT_FOREIGN, /* a symlink, or no regular file */
	OBJECT_UNREADABLE
};
const char *object_verdict_word(enum object_verdict v); /* "missing" */

/* Objects of one of the 256 directories of the store, to be asked in order of their digests. */
struct object_shelf;
struct object_shelf *object_shelf_new(const struct repository *r);
void object_shelf_free(struct object_shelf *s);
bool object_shelf_has(struct object_shelf *s, const char *sha256, bool *ret,
		      struct err *err) MUST_CHECK;

struct stint;
struct object_writer; /* of one thread; the repository is shared */
struct object_writer *object_writer_new(const struct repository *r);
/* From now on it shares the blocks of what it copies, where the file systems are one that can. */
void object_writer_reflink(struct object_writer *w);
/* It copies within the stint, which has begun when something is put. */
void object_writer_pace(struct object_writer *w, struct stint *stint);
/* Forgets what was not flushed; NULL is fine. */
void object_writer_free(struct object_writer *w);
/*
 * Copies all that can be read from the descriptor.  wanted: the digest that it must have, or NULL.
 * sha256 and *ret_size are what was read; *ret is OBJECT_GOOD, OBJECT_DIFFERS or OBJECT_UNREADABLE
 * (with errno in *ret_errno), and only a good one is kept.  err: the store cannot be
 * written, or the operator wants to stop (ERR_STOPPED).
 */
struct object_copy {
	enum object_verdict verdict;
	char sha256[65];
	int64_t size;
	int saved_errno;
};
bool object_put(struct object_writer *w, int from, const char *wanted, struct object_copy *ret,
		struct err *err) MUST_CHECK;
/* Makes durable and names what was put since the last time.  It is done by itself, too, from time
 * to time. */
bool object_writer_flush(struct object_writer *w, struct err *err) MUST_CHECK;
/* Empties store/tmp; for whoever holds the lock. */
bool object_sweep(const struct repository *r, struct err *err) MUST_CHECK;

/* Opens an object for reading; the caller closes *ret_fd. */
enum object_verdict object_open(const struct repository *r, const char *sha256, int *ret_fd,
				int64_t *ret_size);
/* Reads it whole, within the stint; size: what it must have, or -1.  After a stop the answer means
 * nothing. */
enum object_verdict object_verify(const struct repository *r, const char *sha256, int64_t size,
				  struct stint *stint);
/* Of all that can be read from the descriptor, of which fstat says size, within the stint, which
 * has begun, or NULL.  False: errno; ECANCELED: the operator wants to stop. */
bool object_digest(int fd, int64_t size, struct stint *stint, char out[65]);
/* fn is told of every object, shelf by shelf; false from it ends the walk. */
bool object_walk(const struct repository *r,
		 bool (*fn)(void *arg, const char *sha256, struct err *err), void *arg,
		 struct err *err) MUST_CHECK;
bool object_remove(const struct repository *r, const char *sha256, struct err *err) MUST_CHECK;
bool object_size(const struct repository *r, const char *sha256, int64_t *ret,
		 struct err *err) MUST_CHECK;
