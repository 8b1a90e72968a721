/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is present on this host.  A feature is one file with one const struct and one line in
 * features.def, which is also the order shown; the command `features` prints the table, absent
 * ones with their reason, since "why is it not found" is the question that people have.
 */
#pragma once
#include "lib/drivers/probe.h"
#include <stdbool.h>
#include <stddef.h>

struct feature {
	const char *name;    /* "pulp-container" */
	const char *summary; /* one line, lower case: what it is */
	/*
	 * Looks, never touches.  *why is always set: one lower case phrase without a stop, static
	 * text, that says what was seen or what is missing.  probe->db may be NULL.
	 */
	bool (*present)(const struct probe *probe, const char **why);
};

extern const struct feature *const features[]; /* NULL-terminated, in the order of features.def */

/* NULL when there is none of that name. */
const struct feature *feature_by_name(const char *name);
