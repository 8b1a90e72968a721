/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A deadline that would be missed takes consideration for others back, step by step; the limits
 * that stop the work stay.  Pure: time comes in as an argument.
 */
#pragma once
#include "lib/pace/controller.h"
#include "lib/pace/eta.h"

struct hurry {
	enum profile at_least; /* the profile may not be gentler */
	double changed, calm;  /* when it was; since when there is time to spare */
	bool begun, late;
};
enum hurry_news { HURRY_NONE, HURRY_FASTER, HURRY_SLOWER, HURRY_LATE };

/*
 * end: seconds to the end; left: to the deadline; wanted: the operator's profile.  slowed: whether
 * consideration for others holds it up now.  HURRY_LATE, once: with nothing left to take back it
 * will hardly be in time.
 */
enum hurry_news hurry_look(struct hurry *h, const struct eta_range *end, double left,
			   enum profile wanted, bool slowed, double now);
