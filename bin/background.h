/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * --background: the work goes on in a child of its own session, which outlives terminal and logout;
 * what it says is kept in a log in the state directory.  The parent waits until the work has begun,
 * so that whoever asks next finds it.
 */
#pragma once
#include "lib/core/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct background {
	pid_t child; /* in the child: 0 */
	int begun;   /* the child's end of the pipe, or the parent's */
	char *log;   /* path; owned */
};
/* Before any thread or session.  Logs of earlier runs go but for the newest.  Both parent and child
 * return true; child says which one this is.
 */
bool background_start(const char *state_dir, const char *run_id, size_t keep_logs,
		      struct background *ret, struct err *err) MUST_CHECK;
/* Child: the work has begun.  arg is the struct; more than once is fine. */
void background_begun(void *arg);
/* Parent: waits for that, or for the end.  *ret_ended: it has ended, with *ret_status. */
void background_wait(struct background *b, bool *ret_ended, int *ret_status);
void background_release(struct background *b);
