/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the throttle looks at when manifests are migrated below a running Pulp. */
#pragma once
#include "procedures/manifest_job.h"

/*
 * Sets the job's throttle.  Where pre-migrate.duty was set by somebody it is a fixed share that
 * only hard limits stop.  While none of Pulp's services is online the throttle sleeps, since nobody
 * can feel us, but for what fills the server's disk.  In either case a brake that the operator
 * named keeps it awake.
 */
bool manifest_throttle(struct manifest_job *j, const struct manifest_params *p,
		       struct err *err) MUST_CHECK;
