/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prometheus's text format: families of our metrics (plmaint_...), and a file that gets them whole,
 * by rename. */
#pragma once
#include "lib/core/strbuf.h"
#include <stdbool.h>

/* Begins a family; name without the prefix, type gauge or counter, help a sentence. */
void metric_head(struct strbuf *out, const char *name, const char *type, const char *help);
/* The value of a label, escaped. */
void metric_label(struct strbuf *out, const char *value);
/* A family of one sample; none where the value is not finite: unknown. */
void metric_gauge(struct strbuf *out, const char *name, const char *help, double value);
/* What cannot be written is said on stderr once, in *failed; nothing stops for it. */
void metrics_write(const char *path, const struct strbuf *text, bool *failed);
