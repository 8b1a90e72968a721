/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the server's write-ahead log costs, asked of the server itself. */
#pragma once
#include "lib/drivers/pg.h"

/* Bytes of log since its beginning. */
bool log_position(struct pg *db, double *ret, struct err *err) MUST_CHECK;
/* Seconds that a commit takes; flush: one that waits for the disk. */
bool log_commit(struct pg *db, bool flush, double *ret, struct err *err) MUST_CHECK;
