/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The container plugin, by its tables: they exist exactly where it was migrated in. */
#include "lib/host/features.h"

static bool present(const struct probe *probe, const char **why)
{
	struct pg_rows *rows AUTO_ROWS = NULL;
	struct err err;

	if (!probe->db) {
		*why = "there is no connection to the database of Pulp";
		return false;
	}
	if (!pg_query(probe->db, "SELECT to_regclass('container_manifest') IS NOT NULL", NULL, 0,
		      &rows, &err)) {
		*why = "the database of Pulp does not answer";
		return false;
	}
	bool found = pg_bool(rows, 0, 0);
	*why = found ? "the database has container_manifest"
		     : "the database has no table container_manifest";
	return found;
}

const struct feature feature_pulp_container = {
	.name = "pulp-container",
	.summary = "the plugin that makes Pulp a container registry",
	.present = present,
};
