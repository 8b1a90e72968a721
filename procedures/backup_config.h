/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The step backup-config as a part of a backup. */
#pragma once
#include "lib/core/step.h"

struct backup_config_params {
	char *directory;       /* of the backup that is made */
	char *features, *skip; /* comma separated; NULL: all, none */
	/* NULL and 0: as the section backup of the configuration says. */
	char *encrypt;
	long max_file_size, compression;
};
