/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A run as metrics in a file (Prometheus text format), for node_exporter's textfile collector.  A
 * reporter that hands every event on to another one, and writes the file anew, by rename, when a
 * step or the run ends, and every few seconds in between.
 */
#pragma once
#include "lib/core/event.h"

/* Takes next, which is closed with it (report_close).  path is borrowed. */
struct reporter *textfile_open(const char *path, struct reporter *next);
/* The reporter that was handed in; the other is freed. */
struct reporter *textfile_close(struct reporter *r);
