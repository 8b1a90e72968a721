/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pulp itself: its database, or at least its settings or programs on this host. */
#include "lib/host/features.h"
#include <unistd.h>

static bool present(const struct probe *probe, const char **why)
{
	if (probe->place.settings_source) {
		*why = "its settings were read";
		return true;
	}
	if (probe->db) {
		*why = "its database is configured and answers";
		return true;
	}
	if (access("/usr/bin/pulpcore-manager", X_OK) == 0) {
		*why = "pulpcore-manager is installed";
		return true;
	}
	*why = probe->place.conninfo
		       ? "its database is configured and does not answer, and nothing else is here"
		       : "no settings file, no configured database and no pulpcore-manager";
	return false;
}

const struct feature feature_pulp = {
	.name = "pulp",
	.summary = "the content server whose database is maintained",
	.present = present,
};
