/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Lines: one object an event, flushed at once, since a program waits for it. */
#include "lib/drivers/json.h"

#include "lib/core/clock.h"
#include "lib/core/version.h"
#include "lib/report/style.h"
#include "lib/report/wire.h"

#include <string.h>

static void json_emit(void *self, const char *event, const struct field *fields)
{
	struct report *r = self;
	AUTO_STRBUF struct strbuf line = { 0 };
	char now[40];

	clock_rfc3339(clock_wall(), now, sizeof(now));
	strbuf_adds(&line, "{\"event\":");
	json_quote(&line, event, strlen(event));
	strbuf_addf(&line, ",\"schema\":%d,\"run\":\"%s\",\"time\":\"%s\"", PLMAINT_EVENT_SCHEMA,
		    r->options.run_id, now);
	wire_add(&line, fields);
	strbuf_adds(&line, "}");
	put_line(r, &line);
}

static void json_print(void *self, const char *text)
{
	/* Text for people is not part of the stream. */
	(void)self;
	(void)text;
}

const struct reporter report_json_face = { .emit = json_emit, .print = json_print };
