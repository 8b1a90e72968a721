/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing byte string; growth doubles, so that adding is cheap at any length. */
#include "lib/core/strbuf.h"

#include "lib/core/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void reserve(struct strbuf *b, size_t more)
{
	size_t need;

	if (__builtin_add_overflow(b->len, more, &need) || need == SIZE_MAX)
		need = SIZE_MAX - 1; /* the allocation fails and says so */
	need++;
	if (need <= b->cap)
		return;

	size_t cap = b->cap ? b->cap : 64;

	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	b->data = xrealloc(b->data, cap);
	b->cap = cap;
}

void strbuf_add(struct strbuf *b, const void *bytes, size_t len)
{
	reserve(b, len);
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap, again;

	/* Most texts are short: the first try fits, and a longer one says how long it is. */
	reserve(b, 64);
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len) {
		reserve(b, (size_t)n);
		n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
	}
	va_end(again);
	b->len += n > 0 ? (size_t)n : 0;
	b->data[b->len] = '\0';
}

void strbuf_clear(struct strbuf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void strbuf_release(struct strbuf *b)
{
	free(b->data);
	*b = (struct strbuf){ 0 };
}

char *strbuf_take(struct strbuf *b)
{
	reserve(b, 0);
	b->data[b->len] = '\0';

	char *data = TAKE(b->data);

	*b = (struct strbuf){ 0 };
	return data;
}
