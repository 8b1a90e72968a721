/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is foretold before anything is seen. */
#include "lib/batch/forecast.h"
#include "tests/harness/tap.h"
#include <math.h>

/* Recorded at full speed: 1.83 to 1.99 of two writers; at half of the time 0.98 to 1.11. */
TEST(rests_take_the_place_of_what_writers_lose_at_full_speed)
{
	double full = forecast_pace(2, 1), half = forecast_pace(2, 0.5);

	CHECK(full > 1.8 && full < 1.95);
	CHECK(half > 0.98 && half < 1.1);
	CHECK(forecast_pace(2, 0.95) <= full);
}

TAP_MAIN(row(rests_take_the_place_of_what_writers_lose_at_full_speed))
