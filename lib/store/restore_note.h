/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * That the site was closed for a restore, in a file of the state directory that is durable before
 * the step that it is about: whoever comes after a kill knows what to open again.  How far the
 * databases are is no part of it, since the server itself knows.
 */
#pragma once
#include "lib/core/err.h"

enum restore_phase {
	RESTORE_NONE,	/* no note */
	RESTORE_CLOSED, /* the site is being closed, or closed */
	RESTORE_SWAPPED /* the databases may have changed their names: the server knows */
};
struct restore_note {
	enum restore_phase phase;
	char id[17];  /* of the backup */
	double since; /* clock_wall() when the site was closed */
};
/* No file is RESTORE_NONE.  ERR_DATA: something else wrote there. */
bool restore_note_read(const char *state_dir, struct restore_note *ret, struct err *err) MUST_CHECK;
/* Atomic and durable; RESTORE_NONE takes the file away. */
bool restore_note_write(const char *state_dir, const struct restore_note *note,
			struct err *err) MUST_CHECK;
