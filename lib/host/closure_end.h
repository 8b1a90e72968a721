/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of a closure that has a time.  The kernel opens the ports by itself; timers and tables of
 * cron it knows nothing of, so a process of its own waits for that end and starts them.
 */
#pragma once
#include "lib/core/config.h"

/*
 * Starts `maintenance-mode await-end` so that it outlives us and our session: by systemd where that
 * runs, else in a session of its own.  It does no harm that another waits already.
 */
bool closure_end_await(const struct config *config, struct err *err) MUST_CHECK;
