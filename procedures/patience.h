/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parameter of steps that wait for work of Pulp's. */
#pragma once
#include "lib/core/options.h"

/* The member timeout of type, in seconds; whose: the help. */
#define PATIENCE_ROW(type, whose)                                                          \
	{                                                                                  \
		.name = "timeout", .kind = OPT_SECONDS, .offset = offsetof(type, timeout), \
		.arg = "TIME", .help = whose, .fallback = "2h"                             \
	}
