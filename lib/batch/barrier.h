/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line behind which nothing is taken back.  Fills commit asynchronously; before anything is
 * said or done that rests on them (done, stopped, detach, exit 0) they have to be on disk.
 */
#pragma once
#include "lib/drivers/pg.h"

/*
 * Returns when all that was committed before is flushed, and as far as the server's own
 * synchronous_commit asks, on its standbys.  A commit that writes: one that touches temporary
 * tables only waits for nothing.  The server's flush position is then compared.
 */
bool durable_barrier(struct pg *db, struct err *err) MUST_CHECK;
