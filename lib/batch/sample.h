/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A phase's own load and apply on some rows, in transactions that are rolled back: what they cost
 * is seen before anything is changed.  As many writers and readers are at work as a run would have,
 * so what they cost each other is seen too.  The rows come in blocks, each from a place of its own
 * with no snapshot across them.
 *
 * A block is written several times.  The first time pages come from disk and their full images go
 * to the log, which a run pays once a page; the median of the later times shows what a row costs.
 * Its first row is also written by itself: what that takes, a batch takes beside its rows, and a
 * run's batches are larger.
 */
#pragma once
#include "lib/batch/engine.h"

struct sample_part {
	const struct batch_phase *fill;	   /* NULL: its rows are filled */
	const struct batch_phase *detach;  /* after it, in the same transaction; NULL: never */
	const unsigned char (*starts)[16]; /* where blocks begin, ascending; none goes beyond the
					    * next; NULL: one block, from the first key of all */
	size_t blocks;
	int block_rows;
};

/* Seconds; NaN: not seen. */
struct sample_block {
	int part;
	size_t rows, bytes;
	size_t bad; /* of the rows: their data cannot be had */
	double fetch, load;
	double reading, hashing, parsing; /* of loading, of all readers together */
	double fill, fill_first;	  /* again, and the first time */
	double detach, detach_first;	  /* with its own fetch and its deferred triggers */
};

struct sample {
	struct sample_block *block;
	size_t n, rows;
	double session;			       /* what a session takes longer for its first block */
	double one_read, one_fill, one_detach; /* a block of one row; 0: not seen */
	double commit, commit_flushed;	       /* one that waits for no flush, and one that does */
	double wal_first, wal;		       /* bytes a row; NaN: not seen */
	bool wrote;
};
/*
 * setup: its sessions, readers, writers and memory; control is used for what is measured between.
 * write: false reads only.  Ends early, with what it has, after so many seconds.  Errors:
 * ERR_STOPPED when a stop was asked, ERR_DENIED when a right is missing.
 */
bool sample_take(const struct batch_setup *setup, const struct sample_part *parts, size_t n,
		 bool write, double seconds, struct sample *ret, struct err *err) MUST_CHECK;
void sample_release(struct sample *s);
#define AUTO_SAMPLE __attribute__((cleanup(sample_release)))
