/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What happens, as data.  Producers (runner, procedures) build events from fields; a reporter
 * (terminal, plain, json) renders them.  lib/core/events.def documents each event and its fields in
 * one table, which also makes the man page section; a test validates every JSON line against it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum field_kind {
	FIELD_TEXT,
	FIELD_INT,
	FIELD_REAL,
	FIELD_BOOL,
	FIELD_LIST,
	FIELD_RANGE,
	FIELD_MAP,
	FIELD_NULL
};

struct named {
	const char *name; /* NULL ends an array */
	double value;	  /* finite */
};

struct field {
	const char *key;
	enum field_kind kind;
	union {
		const char *text;	 /* FIELD_TEXT; NULL leaves the field out (unknown) */
		int64_t i;		 /* FIELD_INT */
		double real;		 /* FIELD_REAL; NaN leaves the field out */
		bool b;			 /* FIELD_BOOL */
		const char *const *list; /* FIELD_LIST: NULL-terminated texts */
		double range[3];	 /* FIELD_RANGE: p10, p50, p90; NaN leaves the field out */
		const struct named *map; /* FIELD_MAP; an empty one leaves the field out */
	} v;
};
#define F_TEXT(k, x)                                          \
	{                                                     \
		.key = (k), .kind = FIELD_TEXT, .v.text = (x) \
	}
#define F_INT(k, x)                                                \
	{                                                          \
		.key = (k), .kind = FIELD_INT, .v.i = (int64_t)(x) \
	}
#define F_REAL(k, x)                                          \
	{                                                     \
		.key = (k), .kind = FIELD_REAL, .v.real = (x) \
	}
#define F_BOOL(k, x)                                       \
	{                                                  \
		.key = (k), .kind = FIELD_BOOL, .v.b = (x) \
	}
#define F_LIST(k, x)                                          \
	{                                                     \
		.key = (k), .kind = FIELD_LIST, .v.list = (x) \
	}
#define F_NULL(k)                              \
	{                                      \
		.key = (k), .kind = FIELD_NULL \
	}
#define F_END               \
	{                   \
		.key = NULL \
	}

/* The face of every reporter; implementations in lib/report. */
struct reporter {
	void *self;
	/* fields ends with F_END; borrowed for the call.  From the main thread only. */
	void (*emit)(void *self, const char *event, const struct field *fields);
	/* Text for people that no event carries (tables of list commands); ignored by json. */
	void (*print)(void *self, const char *text);
	/* Some time of a wait has passed: what is drawn over is drawn anew.  NULL: nothing is. */
	void (*turn)(void *self);
};

void emit(const struct reporter *r, const char *event, const struct field *fields);
void emit_turn(const struct reporter *r);
#define EMIT(r, event, ...) emit((r), (event), (const struct field[]){ __VA_ARGS__, F_END })

/* The documentation of one event: what programs may rely on. */
enum field_type { TYPE_TEXT, TYPE_COUNT, TYPE_NUMBER, TYPE_BOOL, TYPE_LIST, TYPE_RANGE, TYPE_MAP };
struct field_doc {
	const char *key; /* NULL ends the list */
	enum field_type type;
	unsigned flags;
	const char *meaning;
};
enum {
	FIELD_ALWAYS = 1, /* every line of this event has it */
	FIELD_NULLABLE = 2
}; /* may be null, which is said in the meaning */
struct event_doc {
	const char *name; /* NULL ends the table */
	const char *meaning;
	const struct field_doc *fields;
};
extern const struct event_doc event_docs[];
extern const struct field_doc event_common_fields[]; /* event, schema, run, time */
const char *field_type_word(enum field_type t);	     /* "text", "count", ... */
