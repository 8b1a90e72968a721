/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What checks found, as metrics in a file (Prometheus text format): a reporter that hands every
 * event on, and writes the file when all checks have ended.  Its families are others than those of
 * a run (textfile.h), since node_exporter reads both files at once.
 */
#pragma once
#include "lib/core/event.h"

/* Both are borrowed. */
struct reporter *textfile_health_open(const char *path, const struct reporter *next);
void textfile_health_close(struct reporter *r); /* NULL is fine */
