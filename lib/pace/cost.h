/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a part's units cost, and its first ones beside: learned batch by batch, forgotten by and by,
 * by a regression that begins at the guess.  For eta.c alone; pure.
 */
#pragma once
#include "lib/pace/eta.h"

/* Busy seconds of a unit, of any first one beside, and of the very first one beside these. */
enum { COST_EACH, COST_LATE, COST_EARLY };
struct cost {
	double of[ETA_COSTS];
	double guessed[ETA_COSTS]; /* against how well it was seen: 1 is all guess */
};

/* guess: seconds of a unit, as is thought by now. */
struct cost cost_of(const struct eta_part *p, double guess);
/* So many units of a part, the next so many first ones among them. */
double cost_with(const struct eta_part *p, const struct cost *c, double units, double firsts);
/* Of the step's busy seconds those that its part's beginning is thought to have cost beside its
 * units: they say nothing of the rest. */
double cost_of_beginning(const struct eta_part *p, double guess, const struct eta_step *s);
/* Before the step's first ones count as done; without what its beginning is thought to have cost,
 * which is doubted as much as it is.  Returns what share of its other busy seconds is that of its
 * units. */
double cost_learn(struct eta_part *p, double guess, const struct eta_step *s, double beginning);
/* Variance of the logarithm of what is left of a part. */
double cost_doubt(const struct eta_part *p, const struct cost *c);
