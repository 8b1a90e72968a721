/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the throttle looks at when manifests are migrated below a running Pulp. */
#pragma once
#include "procedures/manifest_job.h"

/*
 * Sets the job's throttle, or none: where pre-migrate.duty was set by somebody, which is a fixed
 * share then, and where none of Pulp's services is online, since nobody can feel us.
 */
bool manifest_throttle(struct manifest_job *j, struct err *err) MUST_CHECK;
