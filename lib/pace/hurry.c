/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step at a time, each with the time that it takes to show. */
#include "lib/pace/hurry.h"

static const double settles = 5; /* seconds until a step, or the beginning, has shown itself */
static const double spare = 0.8; /* of the time that is left: less than that will do */
static const double calms = 30;	 /* seconds of time to spare before a step back */

enum hurry_news hurry_look(struct hurry *h, const struct eta_range *end, double left,
			   enum profile wanted, bool slowed, double now)
{
	if (!h->begun) {
		*h = (struct hurry){
			.at_least = PROFILE_GENTLE, .changed = now, .calm = now, .begun = true
		};
		return HURRY_NONE;
	}
	if (end->p90 >= spare * left)
		h->calm = now;
	if (now - h->changed < settles)
		return HURRY_NONE;
	enum profile is = h->at_least > wanted ? h->at_least : wanted;
	if (end->p90 > left && slowed && is < PROFILE_FINALIZE) {
		h->at_least = (enum profile)(is + 1);
		h->changed = now;
		return HURRY_FASTER;
	}
	if (end->p90 > left && !h->late) {
		h->late = true;
		return HURRY_LATE;
	}
	if (now - h->calm >= calms && h->at_least > wanted) {
		h->at_least = (enum profile)(h->at_least - 1);
		h->changed = h->calm = now;
		return HURRY_SLOWER;
	}
	return HURRY_NONE;
}
