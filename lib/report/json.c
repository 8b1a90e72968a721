/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON Lines: one object an event, flushed at once, since a program waits for it. */
#include "lib/drivers/json.h"

#include "lib/core/clock.h"
#include "lib/core/version.h"
#include "lib/report/style.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void add_text(struct strbuf *out, const char *s)
{
	json_quote(out, s, strlen(s));
}

/* JSON has neither infinity nor NaN; what is not a number is unknown and is left out by the caller.
 */
static void add_number(struct strbuf *out, double v)
{
	strbuf_addf(out, "%.6g", v);
}

static bool is_known(const struct field *f)
{
	if (f->kind == FIELD_TEXT)
		return f->v.text;
	if (f->kind == FIELD_REAL)
		return isfinite(f->v.real);
	if (f->kind == FIELD_RANGE)
		return isfinite(f->v.range[0]) && isfinite(f->v.range[1]) &&
		       isfinite(f->v.range[2]);
	if (f->kind == FIELD_LIST)
		return f->v.list;
	return true;
}

static void add_value(struct strbuf *out, const struct field *f)
{
	static const char *const names[] = { "p10", "p50", "p90" };

	switch (f->kind) {
	case FIELD_TEXT:
		add_text(out, f->v.text);
		break;
	case FIELD_INT:
		strbuf_addf(out, "%" PRId64, f->v.i);
		break;
	case FIELD_REAL:
		add_number(out, f->v.real);
		break;
	case FIELD_BOOL:
		strbuf_adds(out, f->v.b ? "true" : "false");
		break;
	case FIELD_LIST:
		strbuf_adds(out, "[");
		for (size_t i = 0; f->v.list[i]; i++) {
			strbuf_adds(out, i ? "," : "");
			add_text(out, f->v.list[i]);
		}
		strbuf_adds(out, "]");
		break;
	case FIELD_RANGE:
		for (int i = 0; i < 3; i++) {
			strbuf_addf(out, "%c\"%s\":", i ? ',' : '{', names[i]);
			add_number(out, f->v.range[i]);
		}
		strbuf_adds(out, "}");
		break;
	case FIELD_NULL:
		strbuf_adds(out, "null");
		break;
	}
}

static void json_emit(void *self, const char *event, const struct field *fields)
{
	struct report *r = self;
	AUTO_STRBUF struct strbuf line = { 0 };
	char now[40];

	clock_rfc3339(clock_wall(), now, sizeof(now));
	strbuf_adds(&line, "{\"event\":");
	add_text(&line, event);
	strbuf_addf(&line, ",\"schema\":%d,\"run\":\"%s\",\"time\":\"%s\"", PLMAINT_EVENT_SCHEMA,
		    r->options.run_id, now);
	for (; fields->key; fields++) {
		if (!is_known(fields))
			continue;
		strbuf_adds(&line, ",");
		add_text(&line, fields->key);
		strbuf_adds(&line, ":");
		add_value(&line, fields);
	}
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
