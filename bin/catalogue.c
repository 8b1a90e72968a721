/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expands the lists into tables: the only file that knows every check, procedure and command. */
#include "bin/catalogue.h"

#include "bin/globals.h"
#include "checks/checks.h"
#include "commands/commands.h"
#include "procedures/procedures.h"

#include <stddef.h>

#define CHECK(id) &check_##id,
#define PROCEDURE(id) &procedure_##id,
#define COMMAND(id) &command_##id,
const struct catalogue catalogue = {
	.checks =
		(const struct check *const[]){
#include "checks/checks.def"
			NULL },
	.procedures =
		(const struct procedure *const[]){
#include "procedures/procedures.def"
			NULL },
	.commands =
		(const struct command *const[]){
#include "commands/commands.def"
			NULL },
	.foreign = foreign_commands,
	.globals = global_options,
};
