/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of words: see list.h. */
#include "lib/core/list.h"

#include "lib/core/mem.h"

#include <string.h>

static const char blanks[] = " \t";

bool list_next(const char **rest, const char **word, size_t *len)
{
	const char *at = *rest;

	if (!at)
		return false;
	at += strspn(at, ", \t");
	*word = at;
	*len = strcspn(at, ",");
	*rest = at + *len;
	while (*len > 0 && strchr(blanks, at[*len - 1]))
		--*len;
	return *len > 0;
}

char *list_take(const char **rest)
{
	const char *word;
	size_t len;

	return list_next(rest, &word, &len) ? xstrndup(word, len) : NULL;
}

bool list_has(const char *list, const char *word)
{
	size_t wanted = strlen(word), len;

	for (const char *at; list_next(&list, &at, &len);)
		if (len == wanted && memcmp(at, word, len) == 0)
			return true;
	return false;
}
