/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of features, in the order of features.def. */
#include "lib/host/features.h"
#include <string.h>

#define FEATURE(symbol) extern const struct feature symbol;
#include "lib/host/features.def"
#undef FEATURE

#define FEATURE(symbol) &symbol,
const struct feature *const features[] = {
#include "lib/host/features.def"
	NULL,
};
#undef FEATURE

const struct feature *feature_by_name(const char *name)
{
	for (size_t i = 0; features[i]; i++)
		if (strcmp(features[i]->name, name) == 0)
			return features[i];
	return NULL;
}
