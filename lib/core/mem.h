/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory and cleanup.  The x-functions end the process with one fixed message when memory is out;
 * that is acceptable because every procedure survives a kill at any instruction.
 */
#pragma once
#include "lib/core/err.h"
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2); /* caller frees */

void auto_free(void *pp);
void auto_close(int *fd); /* ignores -1 */
void auto_fclose(FILE **f);
void auto_closedir(DIR **dir);
#define AUTO_FREE __attribute__((cleanup(auto_free)))
#define AUTO_FD __attribute__((cleanup(auto_close)))
#define AUTO_FILE __attribute__((cleanup(auto_fclose)))
#define AUTO_DIR __attribute__((cleanup(auto_closedir)))
/* Gives ownership away: `return TAKE(p);` */
#define TAKE(p)                            \
	({                                 \
		__typeof__(p) take_ = (p); \
		(p) = NULL;                \
		take_;                     \
	})
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
