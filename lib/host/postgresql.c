/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server that holds the database of Pulp, wherever it runs. */
#include "lib/host/features.h"

static bool present(const struct probe *probe, const char **why)
{
	if (probe->db && pg_alive(probe->db)) {
		*why = "the database of Pulp is connected";
		return true;
	}
	*why = probe->place.conninfo ? "the database of Pulp is not connected"
				     : "no database of Pulp is known";
	return false;
}

const struct feature feature_postgresql = {
	.name = "postgresql",
	.summary = "the server that holds the database of Pulp",
	.present = present,
};
