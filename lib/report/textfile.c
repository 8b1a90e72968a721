/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events to metrics; textfile.h says for whom. */
#include "lib/report/textfile.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/report/metrics.h"
#include "lib/report/style.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double seconds_between = 5.0;
enum { MOST_STEPS = 32, MOST_REASONS = 32, SET_ASIDE = 2 };

struct step_metrics {
	char label[64], result[16];
	double seconds, done, total, held;
	struct {
		char reason[24];
		double seconds;
	} lost[MOST_REASONS];
	size_t reasons;
};
struct textfile {
	struct reporter face;
	struct reporter *next;
	const char *path;
	char command[64], version[32];
	double started, ended, exit; /* NaN until known */
	double rate, duty, eta[3];   /* of the step that works */
	double set_aside[SET_ASIDE]; /* partial, quarantined */
	bool waits, failed;
	struct step_metrics steps[MOST_STEPS];
	size_t n;
	double written; /* monotonic */
};
static const char *const set_aside_keys[SET_ASIDE] = { "partial", "quarantined" };

/* One family with a sample for each step that has the value. */
static void add_steps(struct strbuf *out, const struct textfile *t, const char *name,
		      const char *type, const char *help, size_t offset)
{
	bool any = false;

	for (size_t i = 0; i < t->n; i++) {
		double value;
		memcpy(&value, (const char *)&t->steps[i] + offset, sizeof(value));
		if (!isfinite(value))
			continue;
		if (!any)
			metric_head(out, name, type, help);
		any = true;
		strbuf_addf(out, "plmaint_%s{label=\"", name);
		metric_label(out, t->steps[i].label);
		strbuf_addf(out, "\"} %.15g\n", value);
	}
}

static void add_lost(struct strbuf *out, const struct textfile *t)
{
	bool any = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct step_metrics *s = &t->steps[i];
		for (size_t k = 0; k < s->reasons; k++) {
			if (!any)
				metric_head(
					out, "step_lost_seconds_total", "counter",
					"Seconds in which it did not work so that others would not feel it.");
			any = true;
			strbuf_adds(out, "plmaint_step_lost_seconds_total{label=\"");
			metric_label(out, s->label);
			strbuf_adds(out, "\",reason=\"");
			metric_label(out, s->lost[k].reason);
			strbuf_addf(out, "\"} %.15g\n", s->lost[k].seconds);
		}
	}
}

static void add_results(struct strbuf *out, const struct textfile *t)
{
	bool any = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct step_metrics *s = &t->steps[i];
		if (!*s->result)
			continue;
		if (!any)
			metric_head(out, "step_result", "gauge",
				    "Result of each step that has ended.");
		any = true;
		strbuf_adds(out, "plmaint_step_result{label=\"");
		metric_label(out, s->label);
		strbuf_adds(out, "\",result=\"");
		metric_label(out, s->result);
		strbuf_adds(out, "\"} 1\n");
	}
}

static void add_eta(struct strbuf *out, const double eta[3])
{
	static const char *const bounds[] = { "p10", "p50", "p90" };

	if (!isfinite(eta[0]) || !isfinite(eta[1]) || !isfinite(eta[2]))
		return;
	metric_head(out, "progress_eta_seconds", "gauge",
		    "Seconds to the end of the run: likely bounds.");
	for (int i = 0; i < 3; i++)
		strbuf_addf(out, "plmaint_progress_eta_seconds{bound=\"%s\"} %.15g\n", bounds[i],
			    eta[i]);
}

static void add_set_aside(struct strbuf *out, const struct textfile *t)
{
	metric_head(out, "run_set_aside_rows", "gauge",
		    "Rows that this run filled with fields missing, or put into quarantine.");
	for (int i = 0; i < SET_ASIDE; i++)
		strbuf_addf(out, "plmaint_run_set_aside_rows{effect=\"%s\"} %.15g\n",
			    set_aside_keys[i], t->set_aside[i]);
}

#define STEP(member) offsetof(struct step_metrics, member)
static void write_file(struct textfile *t)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	metric_head(&out, "run_info", "gauge", "What runs, or ran last, on this host.");
	strbuf_adds(&out, "plmaint_run_info{command=\"");
	metric_label(&out, t->command);
	strbuf_adds(&out, "\",version=\"");
	metric_label(&out, t->version);
	strbuf_adds(&out, "\"} 1\n");
	metric_gauge(&out, "run_start_timestamp_seconds", "When it began.", t->started);
	metric_gauge(&out, "run_end_timestamp_seconds", "When it ended; absent while it runs.",
		     t->ended);
	metric_gauge(&out, "run_exit_status", "Its exit status; absent while it runs.", t->exit);
	add_set_aside(&out, t);
	metric_gauge(&out, "progress_waits", "1 while it is paused or waits for something.",
		     t->waits);
	metric_gauge(&out, "progress_duty_ratio", "Share of time in which it may work.", t->duty);
	metric_gauge(&out, "progress_rows_per_second", "Rate of the step that works.", t->rate);
	add_eta(&out, t->eta);
	add_steps(&out, t, "step_rows", "gauge", "Rows that a step has looked at.", STEP(done));
	add_steps(&out, t, "step_expected_rows", "gauge", "Rows that it has in all.", STEP(total));
	add_steps(&out, t, "step_held_seconds_total", "counter",
		  "Seconds that it was paused or waited for a window.", STEP(held));
	add_lost(&out, t);
	add_steps(&out, t, "step_duration_seconds", "gauge", "Wall time of a step that has ended.",
		  STEP(seconds));
	add_results(&out, t);
	t->written = clock_monotonic();
	metrics_write(t->path, &out, &t->failed);
}

static struct step_metrics *step_of(struct textfile *t, const struct field *fields)
{
	const char *label = text_or(fields, "label", "");

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->steps[i].label, label) == 0)
			return &t->steps[i];
	struct step_metrics *s = &t->steps[t->n < MOST_STEPS ? t->n++ : MOST_STEPS - 1];
	*s = (struct step_metrics){ .seconds = NAN, .done = NAN, .total = NAN, .held = NAN };
	snprintf(s->label, sizeof(s->label), "%s", label);
	return s;
}

static void forget_pace(struct textfile *t)
{
	t->rate = t->duty = t->eta[0] = t->eta[1] = t->eta[2] = NAN;
	t->waits = false;
}

static void take_lost(struct step_metrics *s, const struct field *by)
{
	s->reasons = 0;
	for (const struct named *m = by->v.map; m->name && s->reasons < MOST_REASONS; m++) {
		snprintf(s->lost[s->reasons].reason, sizeof(s->lost[0].reason), "%s", m->name);
		s->lost[s->reasons++].seconds = m->value;
	}
}

static void take_progress(struct textfile *t, const struct field *fields)
{
	struct step_metrics *s = step_of(t, fields);
	const struct field *eta = find_field(fields, "eta");
	const struct field *lost = find_field(fields, "lost_by");

	if (lost && lost->kind == FIELD_MAP)
		take_lost(s, lost);
	s->done = number_field(fields, "done");
	s->total = number_field(fields, "total");
	s->held = number_field(fields, "held");
	t->rate = number_field(fields, "rate");
	t->duty = number_field(fields, "duty");
	if (eta && eta->kind == FIELD_RANGE)
		memcpy(t->eta, eta->v.range, sizeof(t->eta));
	t->waits = false;
}

static void take_step_end(struct textfile *t, const struct field *fields)
{
	struct step_metrics *s = step_of(t, fields);

	s->seconds = number_field(fields, "seconds");
	snprintf(s->result, sizeof(s->result), "%s", text_or(fields, "result", ""));
	for (int i = 0; i < SET_ASIDE; i++) {
		double n = number_field(fields, set_aside_keys[i]);
		t->set_aside[i] += n > 0 ? n : 0;
	}
	forget_pace(t);
}

static void textfile_emit(void *self, const char *event, const struct field *fields)
{
	struct textfile *t = self;
	bool now = true;

	emit(t->next, event, fields);
	if (strcmp(event, "run.start") == 0) {
		t->started = clock_wall();
		snprintf(t->command, sizeof(t->command), "%s", text_or(fields, "command", ""));
		snprintf(t->version, sizeof(t->version), "%s", text_or(fields, "version", ""));
	} else if (strcmp(event, "progress") == 0) {
		now = t->waits || isnan(step_of(t, fields)->done) ||
		      clock_monotonic() - t->written >= seconds_between;
		take_progress(t, fields);
	} else if (strcmp(event, "wait") == 0) {
		t->waits = true;
	} else if (strcmp(event, "step.end") == 0) {
		take_step_end(t, fields);
	} else if (strcmp(event, "run.end") == 0) {
		t->ended = clock_wall();
		t->exit = number_field(fields, "exit");
	} else {
		now = false;
	}
	if (now)
		write_file(t);
}

static void textfile_print(void *self, const char *text)
{
	const struct textfile *t = self;

	t->next->print(t->next->self, text);
}

static void textfile_turn(void *self)
{
	const struct textfile *t = self;

	emit_turn(t->next);
}

struct reporter *textfile_open(const char *path, struct reporter *next)
{
	struct textfile *t = xcalloc(1, sizeof(*t));

	t->face = (struct reporter){
		.self = t, .emit = textfile_emit, .print = textfile_print, .turn = textfile_turn
	};
	t->next = next;
	t->path = path;
	t->started = t->ended = t->exit = NAN;
	forget_pace(t);
	return &t->face;
}

struct reporter *textfile_close(struct reporter *r)
{
	struct textfile *t = r->self;
	struct reporter *next = t->next;

	free(t);
	return next;
}
