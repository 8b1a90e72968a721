/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One step as `plan` shows it, for other commands that say what they would do. */
#pragma once
#include "lib/core/step.h"

/* Asks the system whether there is work, once its needs are provided; emits and prints the answer.
 */
void plan_step(struct session *s, int n, const struct step *st);
