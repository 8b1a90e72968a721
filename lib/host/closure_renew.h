/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One renewal of a closure's time: of closure.c, for the process that does it over and over. */
#pragma once
#include "lib/host/closure.h"

/* *ret_ours: whether the closure that was made at this time is still the one that counts, and was
 * renewed. */
bool closure_renew(const struct config *config, double since, double seconds, bool *ret_ours,
		   struct err *err) MUST_CHECK;
