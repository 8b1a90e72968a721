/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The forecast under any counts, times and clocks: its bounds are numbers in their order, never
 * below 0, what is shown keeps to that, and a share of the way is a share.
 */
#include "lib/pace/eta.h"
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

static void check(struct eta_range r)
{
	if (!(r.p10 >= 0 && r.p10 <= r.p50 && r.p50 <= r.p90 && isfinite(r.p90)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = { data, size };
	struct eta e;

	eta_start(&e, number(&f));
	eta_add(&e, number(&f), (struct eta_guess){ number(&f), number(&f) }, number(&f));
	while (f.left > 0) {
		int part = byte(&f) % e.parts;
		uint8_t how = byte(&f);
		if (how % 16 == 0)
			eta_add(&e, number(&f), (struct eta_guess){ number(&f), number(&f) },
				number(&f));
		if (how % 16 == 1)
			eta_add_aside(&e, number(&f), number(&f));
		if (how % 2)
			eta_count(&e, part, number(&f), number(&f));
		e.moods = how & 4;
		eta_pass(&e, &(struct eta_step){ .part = part,
						 .seconds = number(&f),
						 .units = number(&f),
						 .own = number(&f),
						 .busy = number(&f),
						 .batches = byte(&f) });
		struct eta_range r = eta_left(&e, e.parts);
		double share = eta_share(&e, e.parts);
		check(r);
		check(eta_show(&e, r, number(&f), how & 8));
		if (!(share >= 0 && share <= 1) || !(eta_cost(&e, part) >= 0))
			abort();
	}
	return 0;
}
