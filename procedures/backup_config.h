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
/* at: what stands before the members in type, as "config." */
#define BACKUP_FEATURES_ROWS(type, at)                                                         \
	{ .name = "features",                                                                  \
	  .kind = OPT_TEXT,                                                                    \
	  .offset = offsetof(type, at features),                                               \
	  .arg = "A,B",                                                                        \
	  .help = "only the configuration of these features; `plmaint features` shows them" }, \
		{ .name = "skip-features",                                                     \
		  .kind = OPT_TEXT,                                                            \
		  .offset = offsetof(type, at skip),                                           \
		  .arg = "A,B",                                                                \
		  .help = "not the configuration of these features" },                         \
	{                                                                                      \
		.name = "encrypt", .kind = OPT_TEXT, .offset = offsetof(type, at encrypt),     \
		.arg = "age:FILE|gpg:KEY",                                                     \
		.help = "to whom the configuration is encrypted; not given: backup.encrypt"    \
	}
#define BACKUP_PIECES_ROW(type, at)                                                                  \
	{                                                                                            \
		.name = "max-file-size", .kind = OPT_SIZE,                                           \
		.offset = offsetof(type, at max_file_size), .arg = "SIZE",                           \
		.help = "cut its archive into pieces of that size; not given: backup.max_file_size", \
		.min = 1                                                                             \
	}

/*
 * Whether the archive can be made: features that exist, Pulp's key, and to whom it is encrypted,
 * which is tried with a few bytes.  Its directory is not looked at.
 */
bool backup_config_ready(const struct probe *p, const struct backup_config_params *o,
			 struct err *err) MUST_CHECK;
