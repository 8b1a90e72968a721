/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Pulp's own migrations will take, those that are long: no tool of Django's says it before,
 * and an upgrade stands still for them too.  Which are still to come is asked of the database and
 * of the release to come, never of a version that is installed.
 */
#pragma once
#include "lib/drivers/probe.h"
#include "lib/pulp/releases.h"

enum { SLOW_MIGRATIONS = 16 }; /* more than there are */

struct slow_migration {
	char name[32];	  /* "container 0045" */
	const char *what; /* static text: "each manifest is written anew" */
	int64_t rows;
	double low, mid, high; /* seconds; NAN where nobody has measured it */
};
/* Those that an upgrade to the target will do here, in that order. */
bool slow_migrations_due(const struct probe *p, const struct release_target *t, bool *ret,
			 struct err *err) MUST_CHECK;
/* The same with their rows, those that have any. */
bool slow_migrations_count(const struct probe *p, const struct release_target *t,
			   struct slow_migration ret[SLOW_MIGRATIONS], size_t *n,
			   struct err *err) MUST_CHECK;
