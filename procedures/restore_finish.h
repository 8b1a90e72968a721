/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What restore-finish takes. */
#pragma once
#include "lib/core/options.h"

struct restore_finish_params {
	char **destroy; /* names of databases; NULL: none */
};
#define RESTORE_FINISH_ROWS(type, member)                                                  \
	{                                                                                  \
		.name = "yes-destroy", .kind = OPT_LIST, .offset = offsetof(type, member), \
		.arg = "DBNAME",                                                           \
		.help = "drop this database, which a restore has left; may be given again" \
	}
extern const struct opt restore_finish_params_table[];
