/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What would start work on Pulp by itself while it is being maintained: systemd timers and tables
 * of cron.  What is stopped is noted in the state directory before it is, so that whoever comes
 * after a kill starts exactly that again and nothing else.
 */
#pragma once
#include "lib/core/config.h"
#include <stddef.h>

struct schedules {
	char **timers; /* units; owned, as are the texts */
	char **tables; /* paths of cron's */
	size_t n_timers, n_tables;
};
void schedules_release(struct schedules *s);

/* Those of maintenance-mode.timers and maintenance-mode.cron that are in force now. */
bool schedules_find(const struct config *c, struct schedules *ret, struct err *err) MUST_CHECK;
/* Those that were stopped and wait to be started. */
bool schedules_noted(const struct config *c, struct schedules *ret, struct err *err) MUST_CHECK;
/* Stops the ones that are in force, beside those that are noted; *ret has them all. */
bool schedules_stop(const struct config *c, struct schedules *ret, struct err *err) MUST_CHECK;
/*
 * Starts what is noted, and forgets the note.  *ret has what was started again; what is gone by
 * now, or was put in the place of a table, is added to lost as words.
 */
bool schedules_start(const struct config *c, struct schedules *ret, char **lost,
		     struct err *err) MUST_CHECK;
