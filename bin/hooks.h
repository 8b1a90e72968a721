/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of the site before and after long work: words of an argv, never a shell. */
#pragma once
#include "lib/core/step.h"

/* False: the command says no, or could not be asked; nothing may begin then (ERR_STOPPED). */
bool hook_before(const struct session *s, const char *command, struct err *err) MUST_CHECK;
/* Told, not asked: what fails is a warning. */
void hook_after(const struct session *s, const char *command, int exit_status);
