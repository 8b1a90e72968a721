/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Foreman, by its own settings or its program directory: packages differ between distributions,
 * these paths do not. */
#include "lib/host/features.h"
#include <unistd.h>

static bool present(const struct probe *probe, const char **why)
{
	(void)probe;
	if (access("/etc/foreman/settings.yaml", F_OK) == 0) {
		*why = "/etc/foreman/settings.yaml exists";
		return true;
	}
	if (access("/usr/share/foreman", F_OK) == 0) {
		*why = "/usr/share/foreman exists";
		return true;
	}
	*why = "neither /etc/foreman/settings.yaml nor /usr/share/foreman exists";
	return false;
}

const struct feature feature_foreman = {
	.name = "foreman",
	.summary = "Foreman on this host",
	.present = present,
};
