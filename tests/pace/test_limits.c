/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The limits that an operator sets: a budget of WAL, and how far a standby may be behind. */
#include "lib/pace/controller.h"
#include "tests/harness/tap.h"
#include <math.h>

static const double tick = 0.25; /* seconds between steps */

/* At full speed the server writes `full` times what it may; told once a second.  What of the budget
 * was used in the last minute of three. */
static double used_of_budget(enum profile profile, double full)
{
	struct signals s = { .busy = BUSY_NO, .profile = profile, .max_duty = 1 };
	double worked = 0, second = 0;
	struct controller c;

	controller_start(&c);
	for (int i = 1; i <= 720; i++) {
		double t = i * tick;
		controller_step(&c, &s, t);
		second += c.now.duty;
		worked += i > 480 ? c.now.duty : 0;
		if (i % 4)
			continue;
		s.of[SIGNAL_WAL] = (struct signal_value){ SIGNAL_KNOWN, full * second / 4, t };
		second = 0;
	}
	return full * worked / 240;
}

TEST(a_budget_is_kept_to)
{
	CHECK(fabs(used_of_budget(PROFILE_DEFAULT, 8) - 1) < 0.1);
	CHECK(fabs(used_of_budget(PROFILE_DEFAULT, 1.5) - 1) < 0.1);
	CHECK(fabs(used_of_budget(PROFILE_FINALIZE, 20) - 1) < 0.1);
	CHECK(used_of_budget(PROFILE_DEFAULT, 0.5) == 0.5);
}

/* A standby is so many seconds behind for a while. */
static double duty_at_lag(double max_lag, double lag)
{
	struct signals s = {
		.busy = BUSY_NO, .profile = PROFILE_DEFAULT, .max_duty = 1, .max_lag = max_lag
	};
	struct controller c;

	controller_start(&c);
	for (double t = tick; t < 5; t += tick) {
		s.of[SIGNAL_LAG_TIME] = (struct signal_value){ SIGNAL_KNOWN, lag, t };
		controller_step(&c, &s, t);
	}
	return c.now.duty;
}

TEST(how_far_a_standby_may_be_behind_is_said)
{
	CHECK(duty_at_lag(0, 4.9) < 0.7);
	CHECK(duty_at_lag(5, 4.9) == 1);
	CHECK(duty_at_lag(5, 45) > 0 && duty_at_lag(5, 45) < 0.2);
	CHECK(duty_at_lag(5, 51) == 0);
}

TAP_MAIN(row(a_budget_is_kept_to), row(how_far_a_standby_may_be_behind_is_said))
