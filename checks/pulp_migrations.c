/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A migrate that was killed, or that still runs, leaves a level without its columns or a gap below
 * it; services that start on such a database fail in odd places.  Whether Pulp's programs are newer
 * than the database only they can tell: `pulpcore-manager migrate --check`.
 */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/schema.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct pulp_schema s;

	(void)params;
	if (pulp_schema_probe(p->db, false, true, &s, err)) {
		outcome_set(out, s.known ? RESULT_OK : RESULT_WARNING,
			    "pulp_container is at migration %04d%s", s.level,
			    s.known ? " with all its columns" : ", which is newer than plmaint");
		if (!s.known)
			outcome_hint(out, "Use a newer plmaint.");
		return true;
	}
	if (err->code != ERR_UNSUPPORTED)
		return false;
	outcome_set(out, RESULT_FINDING, "%s", err->text);
	outcome_hint(out, "%s", err->hint);
	return true;
}

const struct check check_pulp_migrations = {
	.label = "pulp-migrations",
	.summary = "the last migrate of Pulp came to its end",
	.source = "django_migrations, and the columns of Pulp's tables",
	.explain = "Compares what django_migrations says of pulp_container with the columns that "
		   "are there.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
