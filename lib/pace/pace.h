/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The seat of the throttle: how large a batch is, and what share of the time work may take (duty).
 * Both are inputs that may change while work runs; nothing here measures the foreground.
 */
#pragma once

struct pace {
	int batch_rows; /* rows a batch holds at most */
	double duty;	/* 0 < duty <= 1 */
};

/* Seconds to rest after a batch that took busy seconds, so that work takes the share `duty`.  Of a
 * batch that was held up only the first seconds count as work. */
double pace_rest(const struct pace *p, double busy);
