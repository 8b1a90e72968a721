/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of feature_files.def. */
#include "lib/host/feature_files.h"

#include "lib/core/list.h"
#include "lib/core/mem.h"
#include "lib/core/options.h"

#include <glob.h>
#include <string.h>

static const struct {
	const char *feature;
	const char *const *paths;
} table[] = {
#define FILES(feature, ...) { feature, (const char *const[]){ __VA_ARGS__, NULL } },
#define EXCEPT(...)
#include "lib/host/feature_files.def"
#undef FILES
#undef EXCEPT
};

const char *const feature_files_except[] = {
#define FILES(feature, ...)
#define EXCEPT(...) __VA_ARGS__,
#include "lib/host/feature_files.def"
#undef FILES
#undef EXCEPT
	NULL
};

static bool check_list(const char *list, struct err *err)
{
	const char *names[ARRAY_LEN(table) + 1] = { NULL };

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		names[i] = table[i].feature;
	for (;;) {
		AUTO_FREE char *word = list_take(&list);
		bool known = false;

		if (!word)
			return true;
		for (size_t i = 0; i < ARRAY_LEN(table) && !known; i++)
			known = strcmp(names[i], word) == 0;
		if (known)
			continue;

		const char *near = nearest_name(word, names);

		err_set(err, ERR_USAGE, "there is no feature \"%s\" with files of its own", word);
		return near ? err_hint(err, "Did you mean %s?", near) : false;
	}
}

bool feature_choice_check(const struct feature_choice *c, struct err *err)
{
	return check_list(c->only, err) && check_list(c->skip, err);
}

bool feature_chosen(const struct feature_choice *c, const char *feature)
{
	return (!c->only || !*c->only || list_has(c->only, feature)) && !list_has(c->skip, feature);
}

static bool each_match(const char *pattern,
		       bool (*fn)(void *arg, const char *path, struct err *err), void *arg,
		       struct err *err)
{
	glob_t found = { 0 };
	int r = glob(pattern, 0, NULL, &found);
	bool ok =
		r == 0 || r == GLOB_NOMATCH || err_set(err, ERR_IO, "cannot look for %s", pattern);

	for (size_t i = 0; ok && r == 0 && i < found.gl_pathc; i++)
		ok = fn(arg, found.gl_pathv[i], err);
	globfree(&found);
	return ok;
}

bool feature_files_each(const struct feature_choice *c,
			bool (*fn)(void *arg, const char *path, struct err *err), void *arg,
			struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		for (const char *const *p = table[i].paths;
		     feature_chosen(c, table[i].feature) && *p; p++)
			if (!each_match(*p, fn, arg, err))
				return false;
	return true;
}
