/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is pending, by kind, size and storage, in one pass over the tables; and from the same pass
 * random keys to begin a sample at.  They are drawn by row, not by key: keys of version 4 are
 * spread evenly, those of version 7 lie close together.
 */
#pragma once
#include "lib/pulp/pending.h"

enum { STRATA_BANDS = 4 };
extern const int64_t strata_band_most[STRATA_BANDS]; /* bytes of a manifest; of the last: none */
extern const char *const strata_band_names[STRATA_BANDS];

enum stratum_state { STRATUM_LOST, STRATUM_FILL, STRATUM_DETACH };
enum stratum_kind { STRATUM_SCHEMA1, STRATUM_IMAGE, STRATUM_LIST };
extern const char *const stratum_kind_names[]; /* by enum: "schema 1", "image", "list" */

struct stratum {
	enum stratum_state state;
	enum stratum_kind kind;
	int band;
	char storage[96];    /* class of Django's storage */
	int64_t rows, bytes; /* bytes: to read, of manifests and configurations */
	int64_t stored;	     /* of bytes: of manifests alone */
};
struct strata {
	struct stratum *item;
	size_t n;
	/* Keys of rows of one state, ascending; of lists apart from the others. */
	struct strata_keys {
		unsigned char (*key)[16];
		size_t n;
	} keys[3][2];
	double share; /* of the table that was looked at; below 1 all counts are estimates */
	struct repository_rows {
		char *name;
		int64_t rows;
	} * repository; /* the ten with most pending rows, also by estimate */
	size_t n_repositories;
	int64_t more_repositories; /* beside these; where share is below 1, so many are seen */
};
/*
 * about: how many rows are thought to be pending, for the number of keys.  Within so many seconds;
 * what takes longer is counted on a share of the table's pages, a larger one where nothing is on
 * these. storage: class of the media root.
 */
bool strata_count(struct pg *db, const struct pulp_schema *s, const struct pending_options *o,
		  const char *storage, int64_t about, double seconds, struct strata *ret,
		  struct err *err) MUST_CHECK;
void strata_release(struct strata *s);
#define AUTO_STRATA __attribute__((cleanup(strata_release)))
/* A condition on m for rows of the bands from..to; caller frees. */
char *strata_band_where(int from, int to);
