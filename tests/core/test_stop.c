/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A step's time limit, and signals that are no wish to stop. */
#include "lib/core/clock.h"
#include "lib/core/stop.h"
#include "tests/harness/tap.h"
#include <signal.h>
#include <time.h>

/* Not stop_wait: that would end with the limit which must not come. */
static void pass(double seconds)
{
	double until = clock_monotonic() + seconds;

	while (clock_monotonic() < until) {
		const struct timespec t = { .tv_nsec = 1000000 };
		(void)nanosleep(&t, NULL);
	}
}

TEST(waiting_does_not_count_against_a_time_limit)
{
	stop_install();
	stop_arm(0.2);
	stop_timer_hold();
	pass(0.4);
	CHECK(!stop_requested());
	stop_timer_go();
	CHECK(!stop_wait(30));
	CHECK(stop_signal() == SIGALRM);
	stop_disarm();
	CHECK(!stop_requested());
}

TEST(a_limit_can_be_put_off)
{
	stop_install();
	stop_arm(0.2);
	stop_timer_extend(0.4);
	pass(0.4);
	CHECK(!stop_requested());
	CHECK(!stop_wait(30) && stop_signal() == SIGALRM);
	stop_disarm();
}

TEST(without_a_limit_there_is_none_afterwards)
{
	stop_install();
	stop_timer_hold();
	stop_timer_go();
	stop_timer_extend(0.01);
	pass(0.05);
	CHECK(!stop_requested());
}

TEST(usr1_and_usr2_pause_and_go_on)
{
	stop_install();
	CHECK(!stop_pause_asked());
	(void)raise(SIGUSR1);
	CHECK(stop_pause_asked() && !stop_requested());
	(void)raise(SIGUSR2);
	CHECK(!stop_pause_asked() && !stop_requested());
}

TEST(a_stop_from_elsewhere_is_the_same_wish)
{
	stop_install();
	stop_ask(SIGTERM);
	CHECK(stop_requested() && stop_signal() == SIGTERM);
	CHECK(!stop_wait(30));
}

TAP_MAIN(row(waiting_does_not_count_against_a_time_limit), row(a_limit_can_be_put_off),
	 row(without_a_limit_there_is_none_afterwards), row(usr1_and_usr2_pause_and_go_on),
	 row(a_stop_from_elsewhere_is_the_same_wish))
