/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Declares every check; the enum makes a line that stands twice an error. */
#pragma once
#include "lib/core/step.h"

#define CHECK(id) extern const struct check check_##id;
#include "checks/checks.def"
#undef CHECK
#define CHECK(id) CHECK_ID_##id,
enum check_id {
#include "checks/checks.def"
	CHECK_COUNT
};
#undef CHECK
