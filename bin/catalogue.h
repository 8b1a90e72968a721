/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of this build. */
#pragma once
#include "lib/core/step.h"

extern const struct catalogue catalogue;
