/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A deadline, while it can still be met: what is taken back for it, and what people are told. */
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include "lib/pace/wall.h"
#include <stdio.h>

static bool slowed(const struct run *r)
{
	const struct decision *d = throttle_decision(r->throttle);

	return d && decision_considers(d);
}

static void notice(const struct run *r, const char *level, const char *text, const char *hint)
{
	EMIT(r->setup->reporter, "notice", F_TEXT("level", level), F_TEXT("message", text),
	     F_TEXT("hint", hint));
}

static void tell_faster(const struct run *r, const char *deadline, const char *end)
{
	bool last = r->hurry.at_least == PROFILE_FINALIZE;
	char text[256];

	snprintf(text, sizeof(text),
		 "the end would be %s, after the deadline (%s): the profile is %s now, %s", end,
		 deadline, profile_names[r->hurry.at_least],
		 last ? "only the limits that stop it hold" : "others may feel it more");
	notice(r, "warning", text,
	       "A later --deadline, or none, gives others their consideration back.");
}

static void tell_late(const struct run *r, const struct eta_range *e, double left,
		      const char *deadline, const char *end)
{
	char text[192];

	snprintf(text, sizeof(text), "the deadline (%s) %s: as it goes now the end is %s", deadline,
		 e->p50 > left ? "will not be met" : "may not be met", end);
	notice(r, "warning", text,
	       r->setup->duty >= 1
		       ? "It stops then with its state saved; the same command goes on later."
		       : "It stops then with its state saved. A larger pre-migrate.duty or more "
			 "pre-migrate.writers may be in time.");
}

void run_watch_deadline(struct run *r, const struct eta_range *e, const char *end)
{
	double wall = clock_wall(), left = r->setup->schedule.deadline - wall;
	const struct throttle_options *o = r->setup->throttle;
	enum profile wanted = (enum profile)control_value(r->setup->steer, KNOB_profile,
							  o ? o->profile : PROFILE_DEFAULT);
	char deadline[64], text[128];

	wall_in_words(r->setup->schedule.deadline, wall, deadline, sizeof(deadline));
	switch (hurry_look(&r->hurry, e, left, wanted, slowed(r), clock_monotonic())) {
	case HURRY_NONE:
		return;
	case HURRY_FASTER:
		tell_faster(r, deadline, end);
		return;
	case HURRY_SLOWER:
		snprintf(text, sizeof(text),
			 "the deadline (%s) will be met: the profile is %s again", deadline,
			 profile_names[r->hurry.at_least > wanted ? r->hurry.at_least : wanted]);
		notice(r, "notice", text, NULL);
		return;
	case HURRY_LATE:
		tell_late(r, e, left, deadline, end);
		return;
	}
}
