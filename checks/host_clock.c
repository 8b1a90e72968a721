/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp's services write the time of their own host beside their heartbeat, and others compare it
 * with theirs: hosts whose clocks differ by a worker's time to live take each other for dead.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/pulp/look.h"

#include <stdlib.h>

static const double odd = 2.0, wrong = 10.0; /* seconds */

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	double before = clock_wall();

	(void)params;
	if (!look_query(p, "SELECT extract(epoch FROM clock_timestamp())", &r, err))
		return false;
	double after = clock_wall(), server = strtod(pg_text(r, 0, 0), NULL);
	/* The answer was made some time between the two. */
	double off = server < before ? before - server : server > after ? server - after : 0;
	if (off < odd) {
		outcome_set(out, RESULT_OK, "the clocks agree within %.0f s", odd);
		return true;
	}
	outcome_set(out, off < wrong ? RESULT_WARNING : RESULT_FINDING,
		    "the clock of the database is %.1f s %s this host's", off,
		    server < before ? "behind" : "ahead of");
	outcome_hint(out, "Let both keep their time by chrony or systemd-timesyncd.");
	return true;
}

const struct check check_host_clock = {
	.label = "host-clock",
	.summary = "the clocks of this host and of the database agree",
	.source = "the clocks of this host and of the database",
	.explain = "Two seconds are a warning, ten a finding: a worker is given up after thirty.",
	.tags = (const char *const[]){ "default", "host", NULL },
	.needs = NEED_DB,
	.run = run,
};
