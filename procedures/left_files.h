/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows that own a file which is no artifact: parts of uploads, temporary files.  The file goes
 * first and the row after it, so that a kill in between leaves a row that the next run finds, and
 * never a file that nobody knows of.
 */
#pragma once
#include "lib/core/step.h"
#include "procedures/headway.h"

/* Nothing that is younger than the oldest task which has not ended: it may be for that task, or for
 * one that waits behind it.  $1: age in seconds; created: a column. */
#define LEFT_OLD(created)                                                                           \
	created " < now() - make_interval(secs => $1::float8) AND " created                         \
		" < (SELECT coalesce(min(k.pulp_created), now()) - interval '1 h' FROM core_task k" \
		" WHERE k.state IN ('waiting', 'running', 'canceling'))"
#define LEFT_ROWS "100"

struct left_files {
	/* $1: age in seconds, $2: the last id.  Yields id, file, name of the domain, in the order
	 * of ids; LEFT_ROWS at most, locked. */
	const char *list_sql;
	const char *delete_sql; /* $1: uuid[] */
	double older;		/* seconds */
};
struct left_tally {
	int64_t files, rows, kept; /* kept: their files could not be removed */
};
bool left_files_remove(struct actor *a, struct pg *db, const struct left_files *l,
		       const struct headway *h, struct left_tally *t, struct outcome *out,
		       struct err *err) MUST_CHECK;

/* The params of both procedures. */
struct left_params {
	double older;
};
extern const struct opt left_params_table[];
/* sql counts and takes the age as $1. */
bool left_count(const struct probe *p, const struct left_params *o, const char *sql, int64_t *ret,
		struct err *err) MUST_CHECK;
/* The same, as needed() wants it. */
bool left_needed(const struct probe *p, const struct left_params *o, const char *sql,
		 const char *what, bool *ret, struct outcome *why, struct err *err) MUST_CHECK;
