/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report on stdout: for a terminal, as plain lines, as one JSON object a line, or as a
 * monitoring plugin's answer. */
#pragma once
#include "lib/core/event.h"
#include <stdio.h>

enum report_style { REPORT_PLAIN, REPORT_TTY, REPORT_JSON, REPORT_NAGIOS };
struct report_options {
	enum report_style style;
	FILE *out; /* borrowed */
	bool colour;
	bool quiet;	    /* steps that pass and progress are left out; ignored by json */
	const char *run_id; /* borrowed */
};
/* The face that the run hands around; the box belongs to the caller. */
struct reporter *report_open(const struct report_options *o);
void report_close(struct reporter *r); /* NULL is fine */
/* Of one that report_open made: errno of the first line that could not be written; 0: all could. */
int report_lost(const struct reporter *r);
/* --json wins, then --plaintext, then whether out is a terminal. NO_COLOR (no-color.org) and
 * TERM=dumb take colour away. */
void report_choose(struct report_options *o, bool json, bool plaintext);
/* What a monitoring plugin ends with: 0 ok, 1 warning, 2 critical, 3 unknown. */
int report_nagios_status(int exit_status);
