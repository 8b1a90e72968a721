/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The units that were stopped, in a file of the state directory: written and durable before the
 * first of them is stopped, taken away once they run again.  Whoever is killed in between leaves it
 * to whoever comes next.
 */
#pragma once
#include "lib/host/unit.h"

/* No file is an empty set.  ERR_DATA: something else wrote there. */
bool remembered_read(const char *state_dir, struct names *ret, struct err *err) MUST_CHECK;
/* Atomic and durable; an empty set takes the file away. */
bool remembered_write(const char *state_dir, const struct names *names, struct err *err) MUST_CHECK;
