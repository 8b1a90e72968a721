/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options that every command takes, before or after its name. */
#pragma once
#include "lib/core/options.h"

struct globals {
	char *config; /* NULL: the system's files */
	char **set;
	char *whitelist;
	char *dump; /* hidden: which document to print */
	int json, plaintext, quiet, verbose, assume_yes, force, help, version;
};
extern const struct opt global_options[];
