/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What most checks of Pulp's tables are: one statement that selects what should not be there.  Its
 * number becomes the message, its first rows the examples.
 */
#pragma once
#include "lib/core/step.h"
#include "lib/pulp/columns.h"

struct look {
	/* Columns that it reads, a blank between them; where one is missing there is nothing to
	 * check, and the outcome is "skipped". */
	const char *needs;
	/* Yields up to ten rows: the example, and in each row how many there are in all (int8).
	 * {sample} behind the name of sample_of looks at about sample_rows of its rows. */
	const char *sql;
	const char *sample_of; /* a table, or NULL: all is looked at */
	long sample_rows;
	enum result bad;   /* what it means that there are some */
	const char *sound; /* message where there are none */
	const char *found; /* message where there are some, behind their number */
	const char *hint;  /* for those */
};
bool look_for(const struct probe *p, const struct look *l, struct outcome *out,
	      struct err *err) MUST_CHECK;
/*
 * A statement of a check: an error names the right that is missing, or that time was up.
 * {heartbeats} stands for a relation of all services of Pulp, whatever tables they are in: app_type
 * (api, content, worker), name, last_heartbeat, ttl, versions, pulp_id.
 */
bool look_query(const struct probe *p, const char *sql, struct pg_rows **ret,
		struct err *err) MUST_CHECK;
/* As look_for does: the outcome is "skipped" where one of the columns is missing. */
bool look_possible(const struct probe *p, const char *needs, bool *possible, struct outcome *out,
		   struct err *err) MUST_CHECK;

/* The params of a check that takes a sample unless it is told otherwise. */
struct look_params {
	int full; /* first: the command finds it there */
};
extern const struct opt look_params_table[];
/* look_for with a sample, unless the params want all. */
bool look_in_sample(const struct probe *p, const struct look *l, const struct look_params *o,
		    struct outcome *out, struct err *err) MUST_CHECK;

struct look_sample {
	/* Behind the table's name: " TABLESAMPLE SYSTEM (2.5) REPEATABLE (7)", the same rows for
	 * each statement; or "" for all. */
	char clause[80];
	char among[96]; /* "in a sample of about 2.5 % of container_manifest", or "" */
};
/* About `rows` rows of the table, by the server's own guess of its size. */
bool look_sample(const struct probe *p, const char *table, long rows, bool full,
		 struct look_sample *ret, struct err *err) MUST_CHECK;
/* ", 11474 a second": of n that were looked at since `began` (clock_monotonic); "" of a sample. */
void look_rate(const struct look_params *o, int64_t n, double began, char ret[48]);
