/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is written once and not read again soon leaves the page cache soon after: a copy of a site's
 * media must not drive out of memory what the site itself reads there.  A few pieces behind the
 * writer are waited for and dropped.  Nothing is made durable by it: that is for syncfs to do.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct behind; /* of one thread */
struct behind *behind_new(void);
void behind_free(struct behind *b); /* NULL is fine */
/*
 * bytes at offset were just written to fd, which may be closed afterwards.  Pieces too small to be
 * worth the calls are passed over.  False, with errno: bytes written before could not reach the
 * disk.
 */
bool behind_wrote(struct behind *b, int fd, int64_t offset, int64_t bytes);
