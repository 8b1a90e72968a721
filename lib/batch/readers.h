/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pool of threads that load windows of rows.  No database: files, hashing, parsing. */
#pragma once
#include "lib/batch/engine.h"

struct readers;
struct throttle;
/* far: how far they step back, as priority_lower() has it.  throttle: takes turns with its batches
 * where that has to be, or NULL; it has to outlive them. */
struct readers *readers_start(int threads, int far, struct throttle *throttle);
void readers_step_back(struct readers *r, int far); /* from their next rows on */
void readers_stop(struct readers *r); /* joins the threads; no window may be in work */

/* One window's loading; filled by submit, waited for by the submitter. */
struct loading {
	const struct batch_phase *phase;
	struct batch_window *window;
	size_t next, finished; /* under the pool's lock */
	struct loading *link;
};
void readers_submit(struct readers *r, struct loading *l, const struct batch_phase *phase,
		    struct batch_window *w);
void readers_wait(struct readers *r, struct loading *l);
/* What is not begun is not loaded: the window is not wanted any more.  Still to be waited for. */
void readers_drop(struct readers *r, struct loading *l);
