/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Allocation that cannot fail but by ending the process; every procedure survives that. */
#include "lib/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Noreturn void out_of_memory(void)
{
	static const char text[] = "plmaint: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(1);
	_exit(1);
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (!p)
		out_of_memory();
	return p;
}

void *xrealloc(void *p, size_t size)
{
	void *q = realloc(p, size ? size : 1);

	if (!q)
		out_of_memory();
	return q;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = xmalloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	char *p = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	return p;
}

void auto_free(void *pp)
{
	void *p;

	/* pp points at a pointer of any object type; memcpy reads it without breaking aliasing. */
	memcpy(&p, pp, sizeof(p));
	free(p);
}

void auto_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

void auto_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

void auto_closedir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}
