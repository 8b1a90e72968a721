/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file, or where files may not be larger than some size the pieces PATH.000, PATH.001, ..., which
 * `cat PATH.*` puts together.
 */
#pragma once
#include "lib/drivers/stream.h"
#include <stdint.h>

/* Removes what is there by that name, whole or in pieces. */
bool pieces_remove(const char *path, struct err *err) MUST_CHECK;
bool pieces_there(const char *path);

struct pieces_out;
/* Replaces what is there by that name, whole or in pieces.  max 0: one file.  Mode 0600. */
bool pieces_create(const char *path, int64_t max, struct pieces_out **ret,
		   struct err *err) MUST_CHECK;
struct sink pieces_sink(struct pieces_out *p);
/* Makes all of it durable; *ret_files and *ret_bytes may be NULL. */
bool pieces_end(struct pieces_out *p, size_t *ret_files, int64_t *ret_bytes,
		struct err *err) MUST_CHECK;
void pieces_out_free(struct pieces_out *p); /* NULL is fine */

struct pieces_in;
/* ERR_NOT_FOUND: neither PATH nor PATH.000 is there.  Symbolic links are not followed. */
bool pieces_open(const char *path, struct pieces_in **ret, struct err *err) MUST_CHECK;
struct source pieces_source(struct pieces_in *p);
void pieces_in_free(struct pieces_in *p);
