/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parameters of backup-prune. */
#pragma once
#include "lib/core/options.h"
#include "lib/store/retention.h"

struct prune_params {
	const char *dir;
	struct retention keep;
	int dry_run;
};
/* All but the directory, which is a word of the command line. */
#define PRUNE_OPTIONS                                                                    \
	{ .name = "keep-last",                                                           \
	  .kind = OPT_INT,                                                               \
	  .offset = offsetof(struct prune_params, keep.last),                            \
	  .arg = "N",                                                                    \
	  .help = "keep the newest so many",                                             \
	  .max = 100000 },                                                               \
		{ .name = "keep-daily",                                                  \
		  .kind = OPT_INT,                                                       \
		  .offset = offsetof(struct prune_params, keep.daily),                   \
		  .arg = "N",                                                            \
		  .help = "of each of the last so many days that have one, the newest",  \
		  .max = 100000 },                                                       \
		{ .name = "keep-weekly",                                                 \
		  .kind = OPT_INT,                                                       \
		  .offset = offsetof(struct prune_params, keep.weekly),                  \
		  .arg = "N",                                                            \
		  .help = "of each of the last so many weeks that have one, the newest", \
		  .max = 100000 },                                                       \
	{                                                                                \
		.name = "dry-run", .kind = OPT_FLAG,                                     \
		.offset = offsetof(struct prune_params, dry_run),                        \
		.help = "say what would go, and remove nothing"                          \
	}
