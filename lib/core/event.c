/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events: handing them to the reporter, and the table that documents each. */
#include "lib/core/event.h"

void emit(const struct reporter *r, const char *event, const struct field *fields)
{
	r->emit(r->self, event, fields);
}

void emit_turn(const struct reporter *r)
{
	if (r->turn)
		r->turn(r->self);
}

const char *field_type_word(enum field_type t)
{
	switch (t) {
	case TYPE_TEXT:
		return "text";
	case TYPE_COUNT:
		return "count";
	case TYPE_NUMBER:
		return "number";
	case TYPE_BOOL:
		return "bool";
	case TYPE_LIST:
		return "list";
	case TYPE_RANGE:
		return "range";
	case TYPE_MAP:
		return "map";
	}
	return "text";
}

const struct field_doc event_common_fields[] = {
	{ "event", TYPE_TEXT, FIELD_ALWAYS, "the name of the event" },
	{ "schema", TYPE_COUNT, FIELD_ALWAYS,
	  "version of this table; fields are added freely, "
	  "a changed meaning raises it" },
	{ "run", TYPE_TEXT, FIELD_ALWAYS, "uuid of this run of the program" },
	{ "time", TYPE_TEXT, FIELD_ALWAYS, "when, RFC 3339 in UTC" },
	{ NULL, TYPE_TEXT, 0, NULL },
};

#define F(key, type, flags, meaning)             \
	{                                        \
		key, TYPE_##type, flags, meaning \
	}
#define ALWAYS FIELD_ALWAYS
#define NULLABLE FIELD_NULLABLE
#define EVENT(name, meaning, ...) \
	{ name, meaning, (const struct field_doc[]){ __VA_ARGS__, { NULL, TYPE_TEXT, 0, NULL } } },
const struct event_doc event_docs[] = {
#include "lib/core/events.def"
	{ NULL, NULL, NULL },
};
