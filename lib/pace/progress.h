/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rate and end of long work from its own recent past; pure: time comes in as an argument. */
#pragma once
#include <stdint.h>

enum { PROGRESS_SLOTS = 32 };
struct progress {
	struct {
		double at;
		int64_t done;
	} slot[PROGRESS_SLOTS]; /* a ring of samples, at least PROGRESS_STEP apart */
	unsigned n;
	double started;
	int64_t first;
};
struct eta {
	double rate;	      /* rows/s over the recent past; NaN before the first rows */
	double p10, p50, p90; /* seconds left; NaN when unknown */
};

void progress_start(struct progress *p, double now, int64_t done);
void progress_sample(struct progress *p, double now, int64_t done);
/* total may grow; done beyond total counts as total. */
struct eta progress_eta(const struct progress *p, double now, int64_t done, int64_t total);
