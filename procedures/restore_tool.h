/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pg_restore, run with no password in its words. */
#pragma once
#include "procedures/restore_job.h"

/*
 * Runs it for a server of this version with these words behind its name.  out gets what it prints;
 * NULL: nothing is kept.  False with its last line when it does not end well.
 */
bool restore_tool(const struct probe *p, const char *conninfo, long server_version,
		  const char *const *words, struct strbuf *out, struct err *err) MUST_CHECK;
