/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PostgreSQL's own programs: where they are, and how they are told which server. */
#pragma once
#include "lib/core/err.h"
#include <stddef.h>

/*
 * The path of pg_dump, pg_restore, ... for a server of this version (150014), which may not be
 * newer than the program: in dir where that is given, else where packages put that version, else in
 * PATH.  Caller frees.
 */
bool pg_tool_find(const char *dir, const char *name, int server_version, char **ret,
		  struct err *err) MUST_CHECK;
/*
 * The environment of such a program: "K=V", of a connection string what libpq reads from there, so
 * that no password is in argv.  End it with pg_tool_forget.
 */
bool pg_tool_environment(const char *conninfo, char ***ret, struct err *err) MUST_CHECK;
void pg_tool_forget(char ***env); /* overwrites, frees, sets NULL */
#define AUTO_PG_TOOL_ENV __attribute__((cleanup(pg_tool_forget)))
/*
 * Why such a program failed, of what it has said on stderr: its first error.  What comes after it,
 * as of pg_dump's other processes ("terminated by user"), is no reason.
 */
void pg_tool_complaint(const char *said, char *out, size_t size);
