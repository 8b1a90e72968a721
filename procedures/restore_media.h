/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The step restore-media as a part of a restore. */
#pragma once
#include "procedures/restore_job.h"

struct restore_media_params {
	struct restore_params backup;
	int checksum; /* all that is on disk is read */
};
#define RESTORE_CHECKSUM_ROW(type)                                                              \
	{                                                                                       \
		.name = "checksum", .kind = OPT_FLAG, .offset = offsetof(type, checksum),       \
		.help = "read every file on disk, also those that have not changed since they " \
			"were backed up: for a restore after a broken disk, a damaged file "    \
			"system or a power cut"                                                 \
	}
