/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Katello is a plugin of Foreman: its bundler file is what makes Foreman load it. */
#include "lib/host/features.h"
#include <unistd.h>

static bool present(const struct probe *probe, const char **why)
{
	(void)probe;
	if (access("/usr/share/foreman/bundler.d/katello.rb", F_OK) == 0) {
		*why = "/usr/share/foreman/bundler.d/katello.rb exists";
		return true;
	}
	if (access("/etc/foreman/plugins/katello.yaml", F_OK) == 0) {
		*why = "/etc/foreman/plugins/katello.yaml exists";
		return true;
	}
	*why = "neither bundler.d/katello.rb nor plugins/katello.yaml of Foreman exists";
	return false;
}

const struct feature feature_katello = {
	.name = "katello",
	.summary = "the content plugin of Foreman, which owns a Pulp",
	.present = present,
};
