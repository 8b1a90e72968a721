/* SPDX-License-Identifier: GPL-3.0-or-later */
/* --dump=man|completion|markdown|json: documents printed from the tables, so that they cannot
 * drift. */
#pragma once
#include "lib/core/step.h"
#include "lib/core/strbuf.h"

bool docs_dump(const struct catalogue *c, const char *form, struct strbuf *out,
	       struct err *err) MUST_CHECK;
