/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A terminal: the running step and its progress stand at the bottom and are drawn over ten times a
 * second at most; all else scrolls above them.
 */
#include "lib/core/clock.h"
#include "lib/core/text.h"
#include "lib/report/style.h"

#include <math.h>
#include <string.h>

static const double least_seconds_between = 0.1;
static const char status_indent[] = "  ";
enum { BAR_COLUMNS = 16 };

static void wipe(struct report *r)
{
	for (; r->lines > 0; r->lines--)
		(void)fputs("\033[1A\033[2K", r->options.out);
}

/* One line of the terminal; cut, since one that the terminal breaks could not be wiped. */
static void put_cut(struct report *r, const char *line, size_t len, size_t columns)
{
	size_t n = 0, i = 0;

	while (i < len && n < columns) {
		i++;
		while (i < len && ((unsigned char)line[i] & 0xc0) == 0x80)
			i++;
		n++;
	}
	(void)fprintf(r->options.out, "%.*s\n", (int)i, line);
	r->lines++;
}

/* A line of the status area, in as many of the terminal as it takes. */
static void put_status(struct report *r, const struct strbuf *line)
{
	size_t columns = report_columns(r) - 1;
	AUTO_STRBUF struct strbuf wrapped = { 0 };

	text_wrap(&wrapped, line->data ? line->data : "", columns - strlen(status_indent),
		  status_indent);
	for (const char *at = wrapped.data; at; at = strchr(at, '\n')) {
		at += *at == '\n';
		put_cut(r, at, strcspn(at, "\n"), columns);
	}
}

static void add_bar(struct strbuf *out, double done, double total)
{
	double share = total > 0 && isfinite(done) ? done / total : 0;
	int full = (int)(BAR_COLUMNS * (share > 1 ? 1 : share));

	strbuf_adds(out, "[");
	for (int i = 0; i < BAR_COLUMNS; i++)
		strbuf_adds(out, i < full ? "#" : ".");
	strbuf_adds(out, "] ");
}

static void draw_progress(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf bar = { 0 };
	AUTO_STRBUF struct strbuf below = { 0 };
	double now = clock_monotonic(), done = number_field(fields, "done");
	double total = number_field(fields, "total");
	const char *phase = text_field(fields, "phase");

	if (r->options.quiet ||
	    (r->drawn > 0 && now - r->drawn < least_seconds_between && !(done >= total)))
		return;
	r->drawn = now;
	wipe(r);
	if (total > 0)
		add_bar(&bar, done, total);
	add_progress(&bar, fields);
	put_status(r, &bar);
	text_escape(&below, text_or(fields, "label", ""));
	if (phase) {
		strbuf_adds(&below, ", ");
		text_escape(&below, phase);
	}
	add_reason(&below, fields);
	put_status(r, &below);
	put_out(r);
}

static void draw_step(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	if (r->options.quiet)
		return;
	text_escape(&line, text_or(fields, "summary", text_or(fields, "label", "")));
	strbuf_adds(&line, " ...");
	put_status(r, &line);
	put_out(r);
}

/* Whether it is told in other words now. */
static bool count_down(struct report *r)
{
	char words[sizeof(r->left)] = "";

	clock_in_words(fmax(0, r->until - clock_monotonic()), words, sizeof(words));
	bool other = strcmp(words, r->left) != 0;
	memcpy(r->left, words, sizeof(r->left));
	return other;
}

static void draw_wait(struct report *r)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	strbuf_adds(&line, r->waits.data);
	if (isfinite(r->until))
		strbuf_addf(&line, ", %s at most", r->left);
	put_status(r, &line);
	put_out(r);
}

static void begin_wait(struct report *r, const struct field *fields)
{
	if (r->options.quiet)
		return;
	add_wait(&r->waits, fields);
	r->until = clock_monotonic() + number_field(fields, "seconds");
	count_down(r);
	draw_wait(r);
}

static void tty_turn(void *self)
{
	struct report *r = self;

	if (!r->waits.len || !isfinite(r->until) || !count_down(r))
		return;
	wipe(r);
	draw_wait(r);
}

static void tty_emit(void *self, const char *event, const struct field *fields)
{
	struct report *r = self;

	strbuf_release(&r->waits);
	if (strcmp(event, "progress") == 0) {
		draw_progress(r, fields);
		return;
	}
	wipe(r);
	if (strcmp(event, "step.start") == 0)
		draw_step(r, fields);
	else if (strcmp(event, "wait") == 0)
		begin_wait(r, fields);
	else
		put_block(r, event, fields);
}

static void tty_print(void *self, const char *text)
{
	wipe(self);
	put_text(self, text);
}

const struct reporter report_tty_face = { .emit = tty_emit, .print = tty_print, .turn = tty_turn };
