/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fuzzer's bytes as numbers; where they end, zeros. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct feed {
	const uint8_t *at;
	size_t left;
};

static inline uint8_t feed_byte(struct feed *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->at++;
}

/* Any bit pattern, or something of a sensible size. */
static inline double feed_number(struct feed *f)
{
	uint8_t kind = feed_byte(f), bits[sizeof(double)];
	double x;

	if (kind % 4 != 0)
		return (double)feed_byte(f) * (kind % 4 == 1 ? 0.01 : kind % 4 == 2 ? 1 : 1000);
	for (size_t i = 0; i < sizeof(bits); i++)
		bits[i] = feed_byte(f);
	memcpy(&x, bits, sizeof(x));
	return x;
}
