/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a row is not simply done: codes from one list (reasons.def), printed by `explain REASON`. */
#pragma once
#include <stddef.h>

enum reason_class {
	REASON_CLASS_ROW,	/* this row's own content: reading it again gives the same */
	REASON_CLASS_TRANSIENT, /* storage or rights: may pass; withdrawn when the breaker trips */
	REASON_CLASS_FATAL	/* stops the run: an outage, not a bad row */
};
enum reason_effect {
	REASON_EFFECT_NONE,
	REASON_EFFECT_PARTIAL, /* data is stored, fields named in `missing` could not be derived */
	REASON_EFFECT_QUARANTINE /* the row's data cannot be had */
};
#define REASON(id, code, effect, class, sentence, hint) REASON_##id,
enum reason {
	REASON_NONE,
#include "lib/pulp/reasons.def"
	REASON_COUNT
};
#undef REASON

struct reason_text {
	const char *code; /* stable, public: "file-missing" */
	enum reason_effect effect;
	enum reason_class class;
	const char *sentence; /* lower case, no stop */
	const char *hint;     /* a sentence with a stop */
};
const struct reason_text *reason_text(enum reason r);
enum reason reason_by_code(const char *code); /* REASON_NONE when unknown */
