/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who has a task.  From pulpcore 3.89 on that is app_lock_id; until then it was a lock of the
 * worker's session, whose key is made of the task's uuid.  3.86 to 3.88 have the column and may use
 * either, and are told by the old tables of heartbeats that they still have.
 */
#pragma once
#include "lib/pulp/columns.h"

/* The key of the lock, as SQL; id is an expression of a uuid. */
char *task_lock_key(const char *id);
/* Whether this release's workers take that lock. */
bool task_has_lock(const struct pulp_columns *c);
/*
 * A condition on a row of core_task by that alias whose state is running or canceling: no worker
 * that lives has it.  The caller frees it.
 */
char *task_abandoned(const struct pulp_columns *c, const char *alias);
