/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gzip over zlib, written piece by piece (RFC 1952).  Members one behind the other are one file. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

struct gzip; /* of one thread */
/* level: 1 (quick) to 9 (small).  put gets what is compressed, in pieces of some 64 KiB. */
struct gzip *gzip_new(int level,
		      bool (*put)(void *arg, const void *data, size_t len, struct err *err),
		      void *arg);
void gzip_free(struct gzip *g); /* NULL is fine */
/* Begins a member; one that has not been ended is forgotten. */
void gzip_begin(struct gzip *g);
/* False is what put has answered. */
bool gzip_add(struct gzip *g, const void *data, size_t len, struct err *err) MUST_CHECK;
bool gzip_end(struct gzip *g, struct err *err) MUST_CHECK;
