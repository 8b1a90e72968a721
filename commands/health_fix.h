/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `health check --fix` does with findings: offers the procedures that mend them, runs those
 * that were agreed to, and looks again, twice at most.
 */
#pragma once
#include "lib/core/step.h"

struct fix_options {
	int fix, may_delete, dry_run;
};
bool fix_validate(const struct fix_options *o, struct err *err) MUST_CHECK;

struct fix;
struct fix *fix_new(size_t steps);
void fix_free(struct fix *f);
void fix_auto(struct fix **f);
#define AUTO_FIX __attribute__((cleanup(fix_auto)))
/* The runner's observer: remembers what each check said; the latest word counts. */
void fix_ended(void *arg, const struct step *step, const struct outcome *o, int status);
/* Where --fix was not given: says what it is for, when there is something to mend. */
void fix_point_out(const struct fix *f, struct session *s);
/* options: of the command, which the steps were bound to.  *exit_status becomes that of what is
 * known at the end. */
bool fix_run(struct fix *f, struct session *s, const struct fix_options *o, const void *options,
	     int *exit_status, struct err *err) MUST_CHECK;
