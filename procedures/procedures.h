/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declares every procedure; the enum makes a line that stands twice an error. */
#pragma once
#include "lib/core/step.h"

#define PROCEDURE(id) extern const struct procedure procedure_##id;
#include "procedures/procedures.def"
#undef PROCEDURE
#define PROCEDURE(id) PROCEDURE_ID_##id,
enum procedure_id {
#include "procedures/procedures.def"
	PROCEDURE_COUNT
};
#undef PROCEDURE
