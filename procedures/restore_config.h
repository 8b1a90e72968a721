/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The step restore-config as a part of a restore. */
#pragma once
#include "lib/core/step.h"

struct restore_config_params {
	char *directory; /* of the backup */
	char *into;	 /* where it is unpacked: absent, or empty */
	char *identity;	 /* NULL: backup.identity */
	/* As a part of a restore, which may be run again: what an earlier run has unpacked is all
	 * of it, and what a kill has left of it is taken away. */
	bool once;
};
