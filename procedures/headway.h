/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far a procedure of housekeeping has come, for whoever watches it. */
#pragma once
#include "lib/drivers/probe.h"

struct headway {
	const struct reporter *reporter;
	const char *label; /* of the procedure */
	int64_t total;	   /* rows that are expected */
	int64_t before;	   /* rows that earlier parts of the procedure have done */
	double began;	   /* clock_monotonic() when none was done */
};
/* One that begins now. */
struct headway headway_begin(const struct actor *a, const char *label, int64_t total);
/* done: rows of this part. */
void headway_tell(const struct headway *h, int64_t done);
