/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of sense.h what may hang: a thread that asks once a second, Pulp itself the more seldom the
 * longer it takes, and tells what was answered last. */
#pragma once
#include "lib/pace/sense.h"

struct sense_slow;
/* NULL: nothing to ask.  Waits for the first answers of what an operator named, two seconds at most
 * for each: no batch begins before they are known. */
struct sense_slow *sense_slow_start(const struct sense_options *o);
void sense_slow_stop(struct sense_slow *s); /* waits for an answer, two seconds at most for each */
void sense_slow_take(struct sense_slow *s, struct signals *out);
/* How many of our own requests to Pulp were under way since then, which Pulp answers from its
 * database; *now: whether one is at this moment. */
int sense_slow_requests(struct sense_slow *s, double since, bool *now);
