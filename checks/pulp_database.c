/* SPDX-License-Identifier: GPL-3.0-or-later */
/* That the database answers is found out on the way here; what Pulp needs in it is hstore. */
#include "checks/checks.h"
#include "lib/pulp/look.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	(void)params;
	if (!look_query(p,
			"SELECT current_setting('server_version'), pg_is_in_recovery(),"
			" EXISTS (SELECT FROM pg_extension WHERE extname = 'hstore')",
			&r, err))
		return false;
	if (!pg_bool(r, 0, 2)) {
		outcome_set(out, RESULT_FINDING, "Pulp's database has no extension hstore");
		outcome_hint(out, "Run CREATE EXTENSION hstore there as a superuser.");
	} else if (pg_bool(r, 0, 1)) {
		outcome_set(out, RESULT_FINDING,
			    "Pulp's database is a standby, which Pulp cannot "
			    "write to");
		outcome_hint(out, "Name the primary in Pulp's settings and in "
				  "database.pulp.conninfo.");
	} else {
		outcome_set(out, RESULT_OK, "PostgreSQL %s answers", pg_text(r, 0, 0));
	}
	return true;
}

const struct check check_pulp_database = {
	.label = "pulp-database",
	.summary = "Pulp's database answers and can be written to",
	.source = "pg_extension",
	.explain = "Pulp keeps labels in columns of the type hstore, and does not start without "
		   "that extension.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
