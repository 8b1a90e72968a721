/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Duty to rest: work w, rest z, w / (w + z) = duty. */
#include "lib/pace/pace.h"
#include <math.h>

/* Seconds.  A batch that took longer was mostly held up: by a lock, a stopped process, a machine
 * that slept.  To rest nine times as long for that would be no kindness to anybody. */
static const double busy_most = 5;

double pace_rest(const struct pace *p, double busy)
{
	return p->duty >= 1.0 || busy <= 0 ? 0.0
					   : fmin(busy, busy_most) * (1.0 - p->duty) / p->duty;
}
