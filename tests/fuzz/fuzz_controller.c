/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The throttle under hostile signals and clocks: the duty is always 0 or 0.02 to 1, the length of a
 * batch is sensible, and whatever was done to it, good signals bring it back to full speed.
 */
#include "lib/pace/controller.h"
#include "tests/fuzz/feed.h"
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct decision *d)
{
	char words[200];

	if (!(d->duty == 0 || (d->duty >= 0.02 && d->duty <= 1)))
		abort();
	if (!(d->target >= 0.005 && d->target <= 0.05))
		abort();
	if ((d->duty == 0) != (d->reason == SLOW_HALT) || (d->reason == SLOW_NONE && d->duty < 1))
		abort();
	decision_in_words(d, words, sizeof(words));
	if ((d->reason == SLOW_NONE) != (words[0] == '\0'))
		abort();
}

static void recovers(struct controller *c, double now)
{
	struct signals good = { .busy = BUSY_NO,
				.batch = 0.005,
				.profile = PROFILE_DEFAULT,
				.max_duty = 1,
				.calm = usual_calm };
	double best = 0;

	if (!(fabs(now) < 1e9)) /* beyond, a second more is no other number */
		now = 0;
	/* The longest hibernation is an hour. */
	for (int i = 0; i < 800; i++) {
		now += 5;
		for (size_t k = 0; k < SIGNAL_COUNT; k++)
			good.of[k] = (struct signal_value){ SIGNAL_KNOWN, 0, now };
		controller_step(c, &good, now);
		check(&c->now);
		best = c->now.duty;
	}
	if (best < 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { data, size };
	struct controller c;
	double now = 0;

	controller_start(&c);
	while (f.left > 0) {
		struct signals s = { .busy = feed_byte(&f) % 4, .batch = feed_number(&f) };
		s.profile = (enum profile)(feed_byte(&f) % (PROFILE_FINALIZE + 1));
		s.max_duty = feed_number(&f);
		s.calm = feed_number(&f);
		s.max_lag = feed_number(&f);
		uint8_t how = feed_byte(&f);
		now = how % 8 == 0 ? feed_number(&f) : now + (how % 8) * 0.25;
		for (size_t i = feed_byte(&f) % SIGNAL_COUNT; i < SIGNAL_COUNT;
		     i += 1 + feed_byte(&f) % 8)
			s.of[i] =
				(struct signal_value){ feed_byte(&f) % 3, feed_number(&f),
						       feed_byte(&f) % 4 ? now : feed_number(&f) };
		for (s.probes = 0; s.probes < feed_byte(&f) % MOST_PROBES; s.probes++)
			s.probe[s.probes] =
				(struct latency){ feed_number(&f), feed_byte(&f) % REQUEST_KINDS,
						  feed_byte(&f) & 1 };
		controller_step(&c, &s, now);
		check(&c.now);
	}
	recovers(&c, now);
	return 0;
}
