/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each family's samples are gathered as the checks end, and joined at the end. */
#include "lib/report/textfile_health.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/report/metrics.h"
#include "lib/report/style.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAMILIES = 3 };
static const struct {
	const char *name, *help;
} families[FAMILIES] = {
	{ "health_check_result", "Answer of each check, 1 for the one it gave." },
	{ "health_check_found_cases", "Cases that a check has found." },
	{ "health_check_duration_seconds", "Time that a check took." },
};

struct textfile {
	struct reporter face;
	const struct reporter *next;
	const char *path;
	struct strbuf samples[FAMILIES];
};

static void add(struct strbuf *out, const char *name, const char *label, const char *result,
		double value)
{
	if (!isfinite(value))
		return;
	strbuf_addf(out, "plmaint_%s{label=\"", name);
	metric_label(out, label);
	if (result) {
		strbuf_adds(out, "\",result=\"");
		metric_label(out, result);
	}
	strbuf_addf(out, "\"} %.15g\n", value);
}

static void take(struct textfile *t, const struct field *fields)
{
	const char *label = text_or(fields, "label", "");

	add(&t->samples[0], families[0].name, label, text_or(fields, "result", ""), 1);
	add(&t->samples[1], families[1].name, label, NULL, number_field(fields, "found"));
	add(&t->samples[2], families[2].name, label, NULL, number_field(fields, "seconds"));
}

static void write_file(const struct textfile *t, const struct field *end)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	bool failed = false;

	metric_gauge(&out, "health_timestamp_seconds", "When the checks ended.", clock_wall());
	metric_gauge(&out, "health_duration_seconds", "Time that all of them took.",
		     number_field(end, "seconds"));
	metric_gauge(&out, "health_exit_status",
		     "Exit status: 0 all is well, 1 a finding, 3 unknown, 78 a warning.",
		     number_field(end, "exit"));
	for (int i = 0; i < FAMILIES; i++) {
		if (!t->samples[i].len)
			continue;
		metric_head(&out, families[i].name, "gauge", families[i].help);
		strbuf_add(&out, t->samples[i].data, t->samples[i].len);
	}
	metrics_write(t->path, &out, &failed);
}

static void textfile_emit(void *self, const char *event, const struct field *fields)
{
	struct textfile *t = self;

	emit(t->next, event, fields);
	if (strcmp(event, "step.end") == 0)
		take(t, fields);
	else if (strcmp(event, "run.end") == 0)
		write_file(t, fields);
}

static void textfile_print(void *self, const char *text)
{
	const struct textfile *t = self;

	t->next->print(t->next->self, text);
}

struct reporter *textfile_health_open(const char *path, const struct reporter *next)
{
	struct textfile *t = xcalloc(1, sizeof(*t));

	t->face = (struct reporter){ .self = t, .emit = textfile_emit, .print = textfile_print };
	t->next = next;
	t->path = path;
	return &t->face;
}

void textfile_health_close(struct reporter *r)
{
	struct textfile *t = r ? r->self : NULL;

	if (!t)
		return;
	for (int i = 0; i < FAMILIES; i++)
		strbuf_release(&t->samples[i]);
	free(t);
}
