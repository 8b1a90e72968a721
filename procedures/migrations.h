/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The procedures of migrations.def, in its order. */
#pragma once
#include "lib/core/step.h"

extern const struct procedure *const migrations[]; /* ends with NULL */
