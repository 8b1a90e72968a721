/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For lib/pulp/program.c: words as they are, run where Pulp's programs run. */
#pragma once
#include "lib/pulp/program.h"

bool pulp_home_run(const struct pulp_home *h, const char *const *argv,
		   const struct process_options *o, struct strbuf *out, int *ret_status,
		   struct err *err) MUST_CHECK;
