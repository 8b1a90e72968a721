/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A smart proxy, by its settings; on a Katello server it runs beside Foreman. */
#include "lib/host/features.h"
#include <unistd.h>

static bool present(const struct probe *probe, const char **why)
{
	(void)probe;
	if (access("/etc/foreman-proxy/settings.yml", F_OK) == 0) {
		*why = "/etc/foreman-proxy/settings.yml exists";
		return true;
	}
	*why = "/etc/foreman-proxy/settings.yml does not exist";
	return false;
}

const struct feature feature_smart_proxy = {
	.name = "smart-proxy",
	.summary = "a smart proxy of Foreman, with a Pulp of its own where it serves content",
	.present = present,
};
