/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The step backup-config as a part of a backup. */
#pragma once
#include "lib/core/step.h"

struct probe;

struct backup_config_params {
	char *directory;       /* of the backup that is made */
	char *features, *skip; /* comma separated; NULL: all, none */
	/* NULL and 0: as the section backup of the configuration says. */
	char *encrypt;
	long max_file_size, compression;
};
/*
 * Whether the archive can be made: features that exist, Pulp's key, and to whom it is encrypted,
 * which is tried with a few bytes.  Its directory is not looked at.
 */
bool backup_config_ready(const struct probe *p, const struct backup_config_params *o,
			 struct err *err) MUST_CHECK;
