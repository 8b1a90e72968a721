/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pace of the vacuum after a migration, and what it takes: as it did on this host before, else
 * as is thought. */
#pragma once
#include "lib/drivers/probe.h"
#include "lib/pulp/schema.h"

/*
 * While users could feel it a vacuum goes about it as autovacuum does, which rests after every few
 * pages.  At full speed where no service of Pulp is online, and by the profiles fast and finalize.
 * What cannot be found out, as without a schema (NULL), is no leave to be felt.
 */
bool vacuum_rests(const struct actor *a, struct pg *db, const struct pulp_schema *s);
/* Of this session, until it ends. */
bool vacuum_pace(struct pg *db, bool rests, struct err *err) MUST_CHECK;

struct vacuum_cost {
	double seconds; /* of work */
	double rests;	/* seconds beside them */
	bool seen;	/* it ran here to its end, at this pace */
};
/* Of a table of so many manifests. */
struct vacuum_cost vacuum_cost_recall(struct pg *db, double manifests, bool rests);
/* Its work where rows are seen to take so many times what they usually do; 0: nothing is known. */
double vacuum_cost_here(const struct vacuum_cost *v, double slower);
/* One that ran to its end, always at this pace; into the ledger, where there is one, and the trace.
 * What cannot be kept is no error; it is logged. */
void vacuum_cost_keep(const struct actor *a, struct pg *db, double seconds, bool rests);
