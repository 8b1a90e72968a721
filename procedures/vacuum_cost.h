/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the vacuum after a migration takes: as it did on this host before, else as is thought. */
#pragma once
#include "lib/drivers/probe.h"

struct vacuum_cost {
	double seconds;
	bool seen; /* it ran here to its end */
};
/* Of a table of so many manifests. */
struct vacuum_cost vacuum_cost_recall(struct pg *db, double manifests);
/* The same where rows are seen to take so many times what they usually do. */
double vacuum_cost_here(const struct vacuum_cost *v, double slower);
/* One that ran to its end; into the ledger, where there is one, and the trace.  What cannot be kept
 * is no error; it is logged. */
void vacuum_cost_keep(const struct actor *a, struct pg *db, double seconds);
