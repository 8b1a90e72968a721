/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long a pre-migration would take and what it would cost, before anything is changed: counts,
 * a sample that is rolled back, and what earlier runs of this host say.
 */
#pragma once
#include "lib/batch/sample.h"
#include "lib/pulp/strata.h"
#include "procedures/foretold.h"
#include "procedures/vacuum_cost.h"

struct estimate_wish {
	long sample;	      /* rows, 1 to 500 */
	const char *no_write; /* why nothing may be written, as a phrase; NULL: it may */
	const char *no_media; /* why no artifact can be read; NULL: they can */
};

/* What the times are made of, one after the other. */
enum { PART_AROUND, PART_FILL_STEP, PART_IMAGES, PART_LISTS, PART_DETACH, PART_VACUUM, PARTS };

struct manifest_estimate {
	struct strata strata;
	int64_t fill, lost,
		filled;	  /* rows: to fill, to recover first, and filled with their link */
	int64_t lists;	  /* of those to fill */
	int64_t bytes;	  /* to read */
	double page_rows; /* manifests on a page of their table */
	struct sample sample;
	size_t unreadable;     /* rows of the sample */
	char not_written[320]; /* why the sample was not written; "": it was */
	int writers;
	struct estimate_result time;
	/* Seconds of one writer for the rows of a part alone, as such rows took before; 0: no
	 * sample shows it. */
	double busy[PARTS];
	struct quantiles duty;
	enum { DUTY_SET, DUTY_ASSUMED, DUTY_SEEN } duty_from;
	size_t runs;				  /* of this host, that it was held against */
	double grace;				  /* seconds; of the throttled time */
	double wal_bytes, disk_bytes, free_bytes; /* NaN: unknown */
	int64_t cache_keys;			  /* -1: there is no cache */
};
/* What a row of the sample takes, seconds of one thread; NaN: not seen.  The log's full-page images
 * come with the first row of a page. */
struct row_cost {
	double fetch, read, hash, parse, write, detach;
	double wal, wal_images; /* bytes */
};
void manifest_estimate_row(const struct manifest_estimate *e, struct row_cost *ret);
bool manifest_estimate(struct actor *a, const struct estimate_wish *wish,
		       struct manifest_estimate *ret, struct err *err) MUST_CHECK;
void manifest_estimate_release(struct manifest_estimate *e);
#define AUTO_ESTIMATE __attribute__((cleanup(manifest_estimate_release)))

/* estimate_groups.c: rows that are sampled together. */
enum { ESTIMATE_GROUPS = STRATA_BANDS + 2 };
struct estimate_group {
	enum pending_kind kind; /* of the phase that fills them; PENDING_DETACH: they are filled */
	int from, to;		/* bands */
	double rows, bytes;
	struct sample_part part;     /* the phases are the caller's to bind */
	char *where;		     /* beside what is pending; NULL: nothing; owned */
	unsigned char (*starts)[16]; /* owned */
};
/* Returns how many groups there are; random: for the places where blocks begin. */
size_t estimate_groups(const struct strata *s, long sample, uint64_t random,
		       struct estimate_group ret[ESTIMATE_GROUPS]);
void estimate_groups_release(struct estimate_group *g, size_t n);

/* estimate_model.c */
struct estimate_facts {
	double count;			/* seconds that one count of all takes */
	double page_rows;		/* manifests on a page */
	double manifests;		/* as the server believes */
	double batch_rows, detach_rows; /* of a batch */
	bool vacuum;			/* it will be due */
	struct vacuum_cost vacuum_cost;
	struct history images, lists, detach;
};
void estimate_model(const struct estimate_group *g, size_t n, const struct estimate_facts *f,
		    struct manifest_estimate *e);
