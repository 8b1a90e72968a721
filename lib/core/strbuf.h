/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing byte string.  data is always NUL-terminated; it may hold NULs inside. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

struct strbuf {
	char *data;
	size_t len, cap;
};

void strbuf_add(struct strbuf *b, const void *bytes, size_t len);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void strbuf_clear(struct strbuf *b);   /* keeps the memory */
void strbuf_release(struct strbuf *b); /* frees it; the struct is then empty and usable */
char *strbuf_take(struct strbuf *b);   /* caller frees; never NULL */
#define AUTO_STRBUF __attribute__((cleanup(strbuf_release)))
