/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A task that Pulp does itself, asked for by its API and waited for, as a step. */
#pragma once
#include "lib/core/step.h"
#include "lib/drivers/probe.h"

struct api_task {
	const char *label;	 /* of the step */
	const char *path, *body; /* "repair/", JSON */
	double timeout;		 /* seconds that the task may take */
	const char *ended;	 /* what is said where Pulp says nothing */
};
bool api_task_run(const struct actor *a, const struct api_task *t, struct outcome *out,
		  struct err *err) MUST_CHECK;
