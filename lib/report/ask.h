/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions.  They are asked on a terminal only: a script is never left waiting for an answer. */
#pragma once
#include "lib/core/step.h"

/* True for yes (--assumeyes, or typed).  False with ERR_USAGE without a terminal, ERR_STOPPED for
 * no. */
bool ask_yes(const struct session *s, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4) MUST_CHECK;
