/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The throttle under hostile signals and clocks: the duty is always 0 or 0.02 to 1, the length of a
 * batch is sensible, and whatever was done to it, good signals bring it back to full speed.
 */
#include "lib/pace/controller.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
	const uint8_t *at;
	size_t left;
};

static uint8_t byte(struct feed *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->at++;
}

/* Any bit pattern, or something of a sensible size. */
static double number(struct feed *f)
{
	uint8_t kind = byte(f);
	double x = 0;

	if (kind % 4 != 0)
		return (double)byte(f) * (kind % 4 == 1 ? 0.01 : kind % 4 == 2 ? 1 : 1000);
	for (size_t i = 0; i < sizeof(x); i++)
		((uint8_t *)&x)[i] = byte(f);
	return x;
}

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
	struct signals good = {
		.busy = BUSY_NO, .batch = 0.005, .profile = PROFILE_DEFAULT, .max_duty = 1
	};
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
		struct signals s = { .busy = byte(&f) % 4, .batch = number(&f) };
		s.profile = (enum profile)(byte(&f) % (PROFILE_FINALIZE + 1));
		s.max_duty = number(&f);
		uint8_t how = byte(&f);
		now = how % 8 == 0 ? number(&f) : now + (how % 8) * 0.25;
		for (size_t i = byte(&f) % SIGNAL_COUNT; i < SIGNAL_COUNT; i += 1 + byte(&f) % 8)
			s.of[i] = (struct signal_value){ byte(&f) % 3, number(&f),
							 byte(&f) % 4 ? now : number(&f) };
		for (s.probes = 0; s.probes < byte(&f) % MOST_PROBES; s.probes++)
			s.probe[s.probes] = (struct latency){ number(&f), byte(&f) % REQUEST_KINDS,
							      byte(&f) & 1 };
		controller_step(&c, &s, now);
		check(&c.now);
	}
	recovers(&c, now);
	return 0;
}
