/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What they take is looked at while the throttle looks what requests take without us. */
#include "lib/pace/crowd.h"
#include <math.h>

/* Of a look; as short as they are, one alone says little. */
static const double weight = 0.25;
/* Crowded above, until it is below. */
static const double many = 0.7, few = 0.55;
/* A batch that was begun before ends in the first one. */
enum { SETTLED = 2 };

/*
 * Of a processor's time.  A hypervisor, or a limit of a container, takes a processor that is never
 * idle away for up to 50 ms at a time, and one that is idle for a tenth hardly ever, whatever runs
 * there; twice that, since others come at random.  Where they leave hardly anything idle, ours
 * alone can do nothing about it; that rests longer than a third are felt less was not seen.
 */
static const double idle = 0.2, longest_rests = 0.33;

void crowd_start(struct crowd *c)
{
	*c = (struct crowd){ .share = 1, .is = true };
}

void crowd_take(struct crowd *c, bool away, double busy, double all)
{
	double did = busy - c->busy, could = all - c->all;

	c->busy = busy;
	c->all = all;
	c->looks = away ? c->looks + 1 : 0;
	if (c->looks < SETTLED || !(could > 0) || !(did >= 0) || did > could)
		return;
	c->share += weight * (did / could - c->share);
	c->is = c->share > (c->is ? few : many);
}

double crowd_rests(const struct crowd *c)
{
	/* Others make use of the rests as of any other time. */
	return fmin(longest_rests, idle / fmax(1 - c->share, idle));
}
