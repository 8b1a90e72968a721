/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One scenario at a time on this host.  The kernel's flock decides; the file's text says who: pid,
 * that process's start time, and the boot it belongs to, so that a pid used again or a machine
 * that was restarted is recognised.
 */
#pragma once
#include "lib/core/err.h"
#include <sys/types.h>

struct lock;
struct lock_owner {
	pid_t pid;
	unsigned long long start; /* ticks since boot, /proc/PID/stat field 22 */
	char boot[40];
	char since[40];	   /* RFC 3339 */
	char command[128]; /* "pre-migrate run" */
};
enum lock_state {
	LOCK_FREE,
	LOCK_HELD,
	LOCK_STALE_TEXT, /* nobody holds it; the text is of a process that was killed */
	LOCK_STALE_HOLD	 /* held, but not by the process that the text names: a child outlived it */
};
/* ERR_LOCKED when somebody holds it.  ret_left is filled (pid 0: nothing) with a dead owner whose
 * lock was taken over. */
bool lock_take(const char *state_dir, const char *command, struct lock **ret,
	       struct lock_owner *ret_left, struct err *err) MUST_CHECK;
void lock_release(struct lock *l); /* NULL is fine */
/* owner->pid is 0 when the file says nothing. */
bool lock_look(const char *state_dir, enum lock_state *ret, struct lock_owner *owner,
	       struct err *err) MUST_CHECK;
/* Puts a new lock file in the place of the old one; whoever holds the old one holds nothing that
 * counts. */
bool lock_break(const char *state_dir, struct err *err) MUST_CHECK;
/* "it is held by process 12 (backup offline) since 2026-..." */
void lock_explain(enum lock_state state, const struct lock_owner *owner, char *out, size_t size);
