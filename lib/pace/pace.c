/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Work w, rest z, w / (w + z) = duty. */
#include "lib/pace/pace.h"
#include <math.h>

static const double least_pause = 0.1; /* seconds */
/* Seconds.  A batch that took longer was mostly held up: by a lock, a stopped process, a machine
 * that slept.  To rest nine times as long for that would be no kindness to anybody. */
static const double busy_most = 5;

static double rest_for(double worked, double duty)
{
	return duty >= 1 ? 0 : duty > 0 ? worked * (1 - duty) / duty : INFINITY;
}

void pace_worked(struct pace *p, double duty, double busy, int workers, double now)
{
	if (busy > 0)
		p->worked += fmin(busy, busy_most) / (workers > 1 ? workers : 1);
	if (duty >= 1)
		p->worked = 0;
	if (pace_left(p, duty, now) > 0 || rest_for(p->worked, duty) < least_pause)
		return;
	p->paying = p->worked;
	p->began = now;
	p->worked = 0;
}

double pace_left(const struct pace *p, double duty, double now)
{
	double left = rest_for(p->paying, duty) - (now - p->began);

	return p->paying > 0 && left > 0 ? left : 0;
}
