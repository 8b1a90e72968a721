/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a scenario binds into the estimate of an upgrade. */
#pragma once
#include "lib/pulp/releases.h"

struct downtime_params {
	double max_downtime; /* seconds; 0: as the configuration says */
	/* The upgrade begins now: the sample is written and rolled back, which tells more, and an
	 * upgrade that would stand still for too long is refused. */
	int refuse;
	struct target_params target; /* whose own migrations are counted */
};
extern const struct opt downtime_params_table[];
