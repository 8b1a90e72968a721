/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The content cache, where Pulp has it enabled. */
#include "lib/host/features.h"

static bool present(const struct probe *probe, const char **why)
{
	if (probe->place.cache_enabled && probe->place.redis_url) {
		*why = "the content cache is enabled";
		return true;
	}
	*why = probe->place.settings_source
		       ? "the settings of Pulp do not enable the content cache"
		       : "redis.url is not set and no settings of Pulp were read";
	return false;
}

const struct feature feature_redis = {
	.name = "redis",
	.summary = "the content cache of Pulp",
	.present = present,
};
