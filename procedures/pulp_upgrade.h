/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the procedures of an upgrade take. */
#pragma once
#include "lib/core/options.h"

struct upgrade_params {
	char *to; /* the release, for the note and for the command; or NULL */
};
#define UPGRADE_PARAMS_ROWS(type)                                                               \
	{                                                                                       \
		.name = "to", .kind = OPT_TEXT, .offset = offsetof(type, to), .arg = "VERSION", \
		.help = "release to upgrade to, told to upgrade.command as UPGRADE_TO"          \
	}
extern const struct opt upgrade_params_table[];
