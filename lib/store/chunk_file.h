/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data file of a table: members of several threads one behind the other, in the order in which
 * they are done.  A thread keeps a member to itself until it is whole, or until it is so large that
 * the thread goes on in the file, and others that have one of that file wait.
 */
#pragma once
#include "lib/store/chunks.h"
#include <stddef.h>

struct chunk_file;
/* A new file. */
bool chunk_file_create(const char *path, struct chunk_file **ret, struct err *err) MUST_CHECK;
/* It is closed in any case; false: it is not whole. */
bool chunk_file_close(struct chunk_file *f, struct err *err) MUST_CHECK;
void chunk_file_abandon(struct chunk_file *f);

struct chunk_member; /* of one thread */
struct chunk_member *chunk_member_new(void);
void chunk_member_free(struct chunk_member *m); /* NULL is fine */
/* Each that was begun is ended or cancelled. */
void chunk_member_begin(struct chunk_member *m, struct chunk_file *f);
bool chunk_member_add(struct chunk_member *m, const void *data, size_t len,
		      struct err *err) MUST_CHECK;
/* Offset, length and sha256 of ret are filled. */
bool chunk_member_end(struct chunk_member *m, struct chunk *ret, struct err *err) MUST_CHECK;
/* The file is of no use afterwards. */
void chunk_member_cancel(struct chunk_member *m);
/*
 * The member that c says, of the file open at fd, becomes one of f.  *good is false, and nothing
 * has become of it, where it cannot be read or has not the digest that c says.
 */
bool chunk_member_take(struct chunk_member *m, struct chunk_file *f, int fd, const struct chunk *c,
		       struct chunk *ret, bool *good, struct err *err) MUST_CHECK;
