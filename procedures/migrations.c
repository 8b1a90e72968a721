/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list as a table, for who looks at all of them. */
#include "procedures/migrations.h"

#include "procedures/procedures.h"

const struct procedure *const migrations[] = {
#define MIGRATION(id, kind) &procedure_##id,
#include "procedures/migrations.def"
#undef MIGRATION
	NULL,
};
