/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files of this host belong to a feature, for backups of its configuration. */
#pragma once
#include "lib/core/err.h"

struct feature_choice {
	const char *only; /* comma separated names; NULL or empty: all */
	const char *skip; /* the same; NULL or empty: none */
};
/* ERR_USAGE: a name that is none, with the nearest as a hint. */
bool feature_choice_check(const struct feature_choice *c, struct err *err) MUST_CHECK;
bool feature_chosen(const struct feature_choice *c, const char *feature);
/* Calls fn for each path of the chosen features that is there, until it answers false. */
bool feature_files_each(const struct feature_choice *c,
			bool (*fn)(void *arg, const char *path, struct err *err), void *arg,
			struct err *err) MUST_CHECK;
extern const char *const feature_files_except[]; /* patterns; ends with NULL */
