/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far files are copied, compared or loaded: done, in all, how fast, and when that ends. */
#pragma once
#include "lib/pace/eta.h"
#include "lib/pace/stint.h"

struct file_progress {
	const struct reporter *reporter;
	const char *label, *phase;
	int64_t files, bytes;  /* in all */
	bool of_bytes;	       /* they are what is counted; there are no files */
	struct stints *stints; /* what it is slowed by; NULL: nothing slows it */
	/* Its own. */
	struct eta eta;
	double told;
	int64_t told_files, told_bytes;
};
/* Of what the caller has filled in; by so many workers. */
void file_progress_begin(struct file_progress *p, double workers);
/* Says it, twice a second at most.  Main thread. */
void file_progress_tell(struct file_progress *p, int64_t files, int64_t bytes);
