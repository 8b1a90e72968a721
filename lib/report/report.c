/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Choosing and making a reporter. */
#include "lib/report/report.h"

#include "lib/core/mem.h"
#include "lib/report/style.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void report_choose(struct report_options *o, bool json, bool plaintext)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool tty = isatty(fileno(o->out));
	bool dumb = !term || strcmp(term, "dumb") == 0;

	o->style = json ? REPORT_JSON : plaintext || !tty || dumb ? REPORT_PLAIN : REPORT_TTY;
	o->colour = o->style == REPORT_TTY && !(no_color && *no_color);
}

struct reporter *report_open(const struct report_options *o)
{
	static const struct reporter *const faces[] = {
		[REPORT_PLAIN] = &report_plain_face,
		[REPORT_TTY] = &report_tty_face,
		[REPORT_JSON] = &report_json_face,
		[REPORT_NAGIOS] = &report_nagios_face,
	};
	struct report *r = xcalloc(1, sizeof(*r));

	r->options = *o;
	r->face = *faces[o->style];
	r->face.self = r;
	return &r->face;
}

int report_lost(const struct reporter *r)
{
	return ((const struct report *)r->self)->lost;
}

void report_close(struct reporter *r)
{
	struct report *report = r ? r->self : NULL;

	if (!report)
		return;
	strbuf_release(&report->waits);
	strbuf_release(&report->body);
	strbuf_release(&report->perf);
	strbuf_release(&report->bad);
	free(report);
}
