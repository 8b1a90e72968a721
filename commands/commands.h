/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declares every command; the enum makes a line that stands twice an error. */
#pragma once
#include "lib/core/step.h"

#define COMMAND(id) extern const struct command command_##id;
#include "commands/commands.def"
#undef COMMAND
#define COMMAND(id) COMMAND_ID_##id,
enum command_id {
#include "commands/commands.def"
	COMMAND_COUNT
};
#undef COMMAND

/* What foreman-maintain has and this program does not: commands/foreign.c. */
extern const struct foreign_command foreign_commands[];
