/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bash completion from the tables. */
#pragma once
#include "lib/core/step.h"
#include "lib/core/strbuf.h"

void completion_bash(struct strbuf *out, const struct catalogue *c);
