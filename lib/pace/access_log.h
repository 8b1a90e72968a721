/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What users' own requests took, from the log of the web server in front of Pulp.  Any format whose
 * lines end with that time: seconds where it has a decimal point (nginx: $request_time), else
 * microseconds (Apache: %D).  Where a line has request, status and bytes as in the common format,
 * they are understood, too.
 */
#pragma once
#include "lib/pace/controller.h"

struct access {
	double seconds;
	bool failed;   /* by the server's fault: 5xx */
	bool transfer; /* an upload, or an answer so large that the client's line decides */
};
/* False: the line does not end with a time. */
bool access_parse(const char *line, size_t len, struct access *ret) MUST_CHECK;

struct access_log;
struct access_log *access_log_open(const char *path); /* copied */
void access_log_close(struct access_log *l);
/* To be called many times a second: fills SIGNAL_ACCESS_LOG and adds probes.  met: a batch of ours
 * was at work since the last look. */
void access_log_look(struct access_log *l, bool met, double now, struct signals *out);
