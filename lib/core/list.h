/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of words as options and keys of the configuration take them: commas between several, blanks
 * around each are not its own, and where nothing stands between two commas there is no word.  NULL
 * is an empty list.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The next word of *rest, which is moved behind it; false at the end.  *word is borrowed from the
 * list and not terminated. */
bool list_next(const char **rest, const char **word, size_t *len);
/* The same as a copy that the caller frees; NULL at the end. */
char *list_take(const char **rest);
bool list_has(const char *list, const char *word);
