/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines for a file or a pipe: no colour, nothing is overwritten, at most one progress line a
 * minute. */
#include "lib/core/clock.h"
#include "lib/core/text.h"
#include "lib/report/style.h"

#include <math.h>
#include <string.h>

enum { SECONDS_BETWEEN = 60 };

static void put_progress(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	double now = clock_monotonic();
	/* "0 bytes" says nothing; the next line would come a minute later. */
	bool begun = number_field(fields, "done") > 0 || number_field(fields, "total") > 0;

	if (r->options.quiet || !begun || (r->drawn > 0 && now - r->drawn < SECONDS_BETWEEN))
		return;
	r->drawn = now;
	strbuf_adds(&line, "  ");
	text_escape(&line, text_or(fields, "label", ""));
	strbuf_adds(&line, ": ");
	add_progress(&line, fields);
	add_reason(&line, fields);
	put_line(r, &line);
}

static void put_wait(struct report *r, const struct field *fields)
{
	AUTO_STRBUF struct strbuf line = { 0 };
	double seconds = number_field(fields, "seconds");
	char words[32];

	if (r->options.quiet)
		return;
	strbuf_adds(&line, "  ");
	add_wait(&line, fields);
	if (isfinite(seconds)) {
		clock_in_words(seconds, words, sizeof(words));
		strbuf_addf(&line, ", %s at most", words);
	}
	put_line(r, &line);
}

static void plain_emit(void *self, const char *event, const struct field *fields)
{
	struct report *r = self;

	if (strcmp(event, "progress") == 0)
		put_progress(r, fields);
	else if (strcmp(event, "wait") == 0)
		put_wait(r, fields);
	else
		put_block(r, event, fields);
}

static void plain_print(void *self, const char *text)
{
	put_text(self, text);
}

const struct reporter report_plain_face = { .emit = plain_emit, .print = plain_print };
