/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An event's fields as JSON text, there and back: how one program's progress reaches another.  The
 * text may come from a database that others can write, so what comes back is only what the event's
 * documentation knows, of its type, and finite.
 */
#pragma once
#include "lib/core/event.h"
#include "lib/core/strbuf.h"

/* Adds "key":value to the object that is open, with commas; unknown values are left out. */
void wire_add(struct strbuf *out, const struct field *fields);

enum { WIRE_FIELDS = 32, WIRE_NAMES = 32 };
struct wire {
	struct json *tree; /* owns the texts of the fields */
	struct named names[WIRE_NAMES + 1];
	struct field fields[WIRE_FIELDS + 1];
};
/* event: the name in events.def.  False when the text is no JSON object; then nothing is owned. */
bool wire_read(const char *event, const char *text, struct wire *ret) MUST_CHECK;
void wire_release(struct wire *w);
