/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Duty to rest: work w, rest z, w / (w + z) = duty. */
#include "lib/pace/pace.h"

double pace_rest(const struct pace *p, double busy)
{
	return p->duty >= 1.0 || busy <= 0 ? 0.0 : busy * (1.0 - p->duty) / p->duty;
}
