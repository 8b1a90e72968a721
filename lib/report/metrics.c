/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Families, samples, and the file that the textfile collector of node_exporter reads. */
#include "lib/report/metrics.h"

#include "lib/core/log.h"
#include "lib/drivers/fs.h"

#include <math.h>

void metric_head(struct strbuf *out, const char *name, const char *type, const char *help)
{
	strbuf_addf(out, "# HELP plmaint_%s %s\n# TYPE plmaint_%s %s\n", name, help, name, type);
}

void metric_label(struct strbuf *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			strbuf_adds(out, "\\n");
		else
			strbuf_addf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "",
				    *value);
	}
}

void metric_gauge(struct strbuf *out, const char *name, const char *help, double value)
{
	if (!isfinite(value))
		return;
	metric_head(out, name, "gauge", help);
	strbuf_addf(out, "plmaint_%s %.15g\n", name, value);
}

void metrics_write(const char *path, const struct strbuf *text, bool *failed)
{
	struct err err;

	if (fs_write_atomic(path, text->data, text->len, 0644, &err) || *failed)
		return;
	*failed = true;
	log_warning("no metrics: %s", err.text);
}
