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
/* The same, with what is called about twice a second while it runs. */
struct restore_tick {
	void (*fn)(void *arg);
	void *arg;
};
bool restore_tool_watched(const struct probe *p, const char *conninfo, long server_version,
			  const char *const *words, const struct restore_tick *tick,
			  struct err *err) MUST_CHECK;
