/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A monitoring plugin's answer (monitoring-plugins.org, "Plugin Output for Nagios"): one line with
 * the state and, behind a bar, performance data; what did not pass follows as long output.  All is
 * kept until the end, since the state comes first.
 */
#include "lib/core/exit.h"
#include "lib/core/text.h"
#include "lib/report/style.h"

#include <string.h>

int report_nagios_status(int exit_status)
{
	switch (exit_status) {
	case EXIT_DONE:
		return 0;
	case EXIT_WARNINGS:
		return 1;
	case EXIT_FAILED:
		return 2;
	default:
		return 3;
	}
}

/* A bar would begin performance data, and a line break the long output. */
static void add_safe(struct strbuf *out, const char *text)
{
	AUTO_STRBUF struct strbuf safe = { 0 };

	text_escape(&safe, text);
	for (const char *c = safe.data ? safe.data : ""; *c; c++)
		strbuf_add(out, *c == '|' ? "/" : c, 1);
}

static void put_state(struct report *r, int exit_status, const struct strbuf *said)
{
	static const char *const states[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
	AUTO_STRBUF struct strbuf out = { 0 };

	strbuf_addf(&out, "PLMAINT %s - %s", states[report_nagios_status(exit_status)],
		    said->data ? said->data : "");
	if (r->perf.len)
		strbuf_addf(&out, " |%s", r->perf.data);
	if (r->body.len)
		strbuf_addf(&out, "\n%.*s", (int)r->body.len - 1, r->body.data);
	put_line(r, &out);
}

static void take_step(struct report *r, const struct field *fields)
{
	const char *label = text_or(fields, "label", ""), *result = text_or(fields, "result", "");
	const struct field *examples = find_field(fields, "examples");
	double found = number_field(fields, "found");

	if (found >= 0)
		strbuf_addf(&r->perf, " %s=%.0f", label, found);
	r->passed += strcmp(result, "ok") == 0;
	r->skipped += strcmp(result, "skipped") == 0;
	if (strcmp(result, "ok") == 0 || strcmp(result, "skipped") == 0)
		return;
	r->found++;
	strbuf_addf(&r->bad, "%s%s", r->bad.len ? ", " : "", label);
	strbuf_addf(&r->body, "%s: %s: ", result, label);
	add_safe(&r->body, text_or(fields, "message", ""));
	if (text_field(fields, "hint")) {
		strbuf_adds(&r->body, ". ");
		add_safe(&r->body, text_field(fields, "hint"));
	}
	strbuf_adds(&r->body, "\n");
	for (size_t i = 0; examples && examples->v.list[i]; i++) {
		strbuf_adds(&r->body, "  ");
		add_safe(&r->body, examples->v.list[i]);
		strbuf_adds(&r->body, "\n");
	}
}

static void put_end(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf said = { 0 };

	text_addf(&said, "%d check(s) passed, %d did not, %d skipped", r->passed, r->found,
		  r->skipped);
	if (r->bad.len)
		strbuf_addf(&said, ": %s", r->bad.data);
	strbuf_addf(&r->perf, " passed=%d not_passed=%d time=%.3fs", r->passed, r->found,
		    number_field(fields, "seconds"));
	put_state(r, (int)number_field(fields, "exit"), &said);
}

static void nagios_emit(void *self, const char *event, const struct field *fields)
{
	struct report *r = self;
	AUTO_STRBUF struct strbuf said = { 0 };

	if (strcmp(event, "step.end") == 0) {
		take_step(r, fields);
	} else if (strcmp(event, "run.end") == 0) {
		put_end(r, fields);
	} else if (strcmp(event, "error") == 0) {
		add_safe(&said, text_or(fields, "message", ""));
		put_state(r, EXIT_UNKNOWN, &said);
	}
}

static void nagios_print(void *self, const char *text)
{
	/* Nothing but the answer may stand on stdout. */
	(void)self;
	(void)text;
}

const struct reporter report_nagios_face = { .emit = nagios_emit, .print = nagios_print };
