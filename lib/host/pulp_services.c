/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Units of Pulp on this host; with a remote database or in a container there are none here. */
#include "lib/host/features.h"
#include <stdio.h>
#include <unistd.h>

static const char *const directories[] = { "/etc/systemd/system", "/usr/lib/systemd/system",
					   "/lib/systemd/system" };
static const char *const units[] = { "pulpcore-api.service", "pulpcore-content.service",
				     "pulpcore-worker@.service" };

static bool present(const struct probe *probe, const char **why)
{
	char path[128];

	(void)probe;
	for (size_t d = 0; d < sizeof directories / sizeof *directories; d++) {
		for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
			snprintf(path, sizeof path, "%s/%s", directories[d], units[u]);
			if (access(path, F_OK) == 0) {
				*why = "its systemd units are installed";
				return true;
			}
		}
	}
	*why = "no systemd unit pulpcore-api, pulpcore-content or pulpcore-worker@ is installed";
	return false;
}

const struct feature feature_pulp_services = {
	.name = "pulp-services",
	.summary = "the services of Pulp, run by systemd on this host",
	.present = present,
};
