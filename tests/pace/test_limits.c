/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The limits that an operator sets: a budget of WAL, and how far a standby may be behind. */
#include "lib/pace/controller.h"
#include "lib/pace/hurry.h"
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

/*
 * A deadline that is much too near, and others at work who feel every batch, for three minutes. The
 * server writes `full` times its budget at full speed; 0: it has none.
 */
struct rush {
	struct hurry hurry;
	struct controller c;
	int faster, late;
	double used; /* of the budget, in the last minute */
};

static void rush(struct rush *r, enum profile wanted, double full)
{
	const struct eta_range end = { 900, 1000, 1200 };
	struct signals s = { .busy = BUSY_VERY, .max_duty = 1, .batch = 0.005 };
	double worked = 0, second = 0;

	*r = (struct rush){ 0 };
	controller_start(&r->c);
	for (int i = 1; i <= 720; i++) {
		double t = i * tick;
		enum hurry_news news =
			hurry_look(&r->hurry, &end, 100, wanted, decision_considers(&r->c.now), t);
		r->faster += news == HURRY_FASTER;
		r->late += news == HURRY_LATE;
		s.profile = r->hurry.at_least > wanted ? r->hurry.at_least : wanted;
		s.probes = 4;
		for (size_t k = 0; k < s.probes; k++)
			s.probe[k] = (struct latency){ k % 2 ? 0.05 : 0.002, REQUEST_SQL, k % 2 };
		controller_step(&r->c, &s, t);
		second += r->c.now.duty;
		worked += i > 480 ? r->c.now.duty : 0;
		if (i % 4 || full <= 0)
			continue;
		s.of[SIGNAL_WAL] = (struct signal_value){ SIGNAL_KNOWN, full * second / 4, t };
		second = 0;
	}
	r->used = full * worked / 240;
}

TEST(no_deadline_goes_beyond_the_budget)
{
	struct rush r;

	rush(&r, PROFILE_GENTLE, 0);
	CHECK(r.hurry.at_least == PROFILE_FINALIZE && r.faster == 3 && r.late == 1);
	CHECK(r.c.now.duty == 1);
	rush(&r, PROFILE_GENTLE, 8);
	CHECK(r.used > 0.9 && r.used < 1.1);
	CHECK(r.late == 1 && r.c.now.signal == SIGNAL_WAL);
}

/* Where it is the budget alone that holds it up others are not made to feel more for nothing. */
TEST(what_no_profile_speeds_up_takes_no_consideration_back)
{
	struct decision d = { .reason = SLOW_SIGNAL, .signal = SIGNAL_WAL };
	struct rush r;

	rush(&r, PROFILE_GENTLE, 1000);
	CHECK(r.faster == 0 && r.late == 1 && r.hurry.at_least == PROFILE_GENTLE);
	CHECK(!decision_considers(&d));
	d.reason = SLOW_UNKNOWN;
	CHECK(!decision_considers(&d));
	d.signal = SIGNAL_REDIS;
	CHECK(decision_considers(&d));
	d.reason = SLOW_SIGNAL;
	CHECK(decision_considers(&d));
	d.reason = SLOW_HALT;
	CHECK(!decision_considers(&d));
	d.reason = SLOW_LATENCY;
	d.signal = SIGNAL_WAL; /* of no meaning here */
	CHECK(decision_considers(&d));
	d.reason = SLOW_SEEKING;
	CHECK(decision_considers(&d));
	d.reason = SLOW_USER;
	CHECK(!decision_considers(&d));
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

TAP_MAIN(row(a_budget_is_kept_to), row(no_deadline_goes_beyond_the_budget),
	 row(what_no_profile_speeds_up_takes_no_consideration_back),
	 row(how_far_a_standby_may_be_behind_is_said))
