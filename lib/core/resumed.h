/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run goes on with. */
#pragma once

/* How far the last run of the same name came, as words for the operator, where it was to go on: it
 * was stopped or killed, and was no dry run.  NULL: nothing was left.  The caller frees it. */
char *resumed_words(const char *state_dir, const char *name);
