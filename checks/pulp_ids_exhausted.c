/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rows that tie blobs and manifests to each other, and to the repositories that wait for them,
 * were numbered by an int4 before 2.22.6: at 2,147,483,647 every push and sync fails.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

/* max() of a key is one step into its index. */
#define TOP(table) "SELECT '" table "' AS what, (SELECT max(id) FROM " table ")::int8 AS top"

static const struct look look = {
	.needs =
		"container_blobmanifest.id container_manifestlistmanifest.id"
		" container_containerrepository_pending_blobs.id container_containerrepository_pending_manifests.id"
		" container_containerpushrepository_pending_blobs.id container_containerpushrepository_pending_manifests.id",
	.sql = "SELECT s.what || ': ' || s.top, count(*) OVER () FROM (" TOP("container_blobmanifest") " UNION ALL " TOP("container_manifestlistmanifest") " UNION ALL " TOP("container_containerrepository_pending_blobs") " UNION ALL " TOP(
		"container_containerrepository_pending_manifests") " UNION ALL " TOP("container_containerpushrepository_pending_blobs") " UNION ALL " TOP("container_containerpushrepository_pending_manifests") ") s"
																										 " JOIN pg_catalog.pg_attribute a ON a.attrelid = s.what::regclass AND a.attname = 'id'"
																										 " AND a.atttypid = 'pg_catalog.int4'::regtype WHERE s.top > 1717986918 LIMIT 10",
	.bad = RESULT_FINDING,
	.sound = "no number of rows comes near its limit",
	.found = "table(s) (is|are) about to run out of numbers for new rows",
	.hint = "Upgrade pulp_container to the newest release of its branch: from 2.22.6, 2.24.7, 2.26.8 and 2.27.3 on the column is an int8.",
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	(void)params;
	return look_for(p, &look, out, err);
}

const struct check check_pulp_ids_exhausted = {
	.label = "pulp-ids-exhausted",
	.summary = "no table is about to run out of numbers for new rows",
	.source = "pg_attribute, and the largest id of container_blobmanifest and five more",
	.explain =
		"Four fifths of the numbers of an int4 are taken; deletes do not give them back.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "database", NULL },
	.needs = NEED_DB,
	.run = run,
};
