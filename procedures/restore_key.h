/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The step restore-key as a part of a restore. */
#pragma once
#include "lib/core/step.h"

struct restore_key_params {
	char *directory; /* of the backup */
	char *identity;	 /* NULL: backup.identity */
	char *key;	 /* where the host of the backup had it; NULL: where this one has it */
};
