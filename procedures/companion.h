/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A command of pulpcore-manager as a step: what it says is shown as it comes, and its last lines
 * are the step's examples. */
#pragma once
#include "lib/core/step.h"
#include "lib/drivers/probe.h"

struct companion {
	const char *label;	  /* of the procedure */
	const char *const *words; /* "datarepair", "7272" */
	double timeout;		  /* seconds */
};
/* The outcome is failed where its exit status is not 0. */
bool companion_run(struct actor *a, const struct companion *c, struct outcome *out,
		   struct err *err) MUST_CHECK;
