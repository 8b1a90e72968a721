/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hops that cannot work.  pulpcore 3.70 squashed its first ninety migrations, and 3.85 deleted
 * them: in between are the only releases that lead from the old names to the new one.  A hop over
 * them dies with InconsistentMigrationHistory, after the packages were replaced.
 */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/releases.h"
#include "lib/pulp/schema.h"

enum { SQUASH_ONLY_FROM = 85 }; /* pulpcore 3.85 */

static bool ask(const struct probe *p, bool *bridged, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    p->db,
		    "SELECT count(*) FROM django_migrations WHERE app = 'core' AND name = '0001_squashed_0090_char_to_text_field'",
		    NULL, 0, &r, err))
		return false;
	*bridged = pg_int(r, 0, 0) > 0;
	return true;
}

static void say_bridge(const struct release_target *t, struct outcome *out)
{
	bool sure = t->core_least >= SQUASH_ONLY_FROM;

	outcome_set(
		out, sure ? RESULT_FINDING : RESULT_WARNING,
		sure ? "no way leads to %s in one hop: its migrate would fail with InconsistentMigrationHistory"
		     : "%s can be reached in one hop only with pulpcore before 3.85",
		t->name);
	outcome_hint(out, "Go through pulpcore 3.73 with pulp_container 2.24 first%s.",
		     t->named ? "" : "; name the next hop with --to");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct target_params *target = params;
	struct release_target t;
	struct pulp_schema s;
	bool bridged;

	if (!release_target_find(target->to, &t, err) ||
	    !pulp_schema_probe(p->db, false, true, &s, err) || !ask(p, &bridged, err))
		return false;
	if (t.level != RELEASE_UNKNOWN && t.level < s.level) {
		outcome_set(
			out, RESULT_FINDING,
			"%s is older than this database: it knows migrations to %04d, and %04d is applied",
			t.name, t.level, s.level);
		outcome_hint(out, "Name a newer release; Pulp has no way back but a backup.");
	} else if (!bridged && t.core_most >= SQUASH_ONLY_FROM) {
		say_bridge(&t, out);
	} else {
		outcome_set(out, RESULT_OK, "%s can be reached in one hop from level %04d", t.name,
			    s.level);
	}
	return true;
}

const struct check check_pulp_upgrade_path = {
	.label = "pulp-upgrade-path",
	.summary = "the release to upgrade to can be reached in one hop",
	.source = "django_migrations, and the table of releases of this program",
	.explain =
		"pulpcore 3.70 to 3.84 have both the old migrations and the one that replaced them; a database from before that has "
		"not been there cannot be migrated by 3.85 or later. Nor does Pulp go back to a release with fewer migrations.",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", "database", NULL },
	.needs = NEED_DB,
	.params = target_params_table,
	.params_size = sizeof(struct target_params),
	.run = run,
};
