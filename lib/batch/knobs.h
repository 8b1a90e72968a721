/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What operators want of the programs at work, in the ledger: pause, stop, and the knobs of
 * knobs.def, each perhaps until a time on the server's clock.  Every change is an event with its
 * author.  A change is announced (NOTIFY), and programs look by themselves too, since a
 * notification can be lost.  What is read is data of Pulp's role: a value out of its range counts
 * as not there.
 */
#pragma once
#include "lib/batch/ledger.h"

/* What is done where limits stop the work again and again; ends with NULL. */
extern const char *const critical_names[];

#define KNOB(name, least, most, whole, key, help) KNOB_##name,
#define SECONDS(name, least, most, key, help) KNOB_##name,
#define WORDS(name, words, key, help) KNOB_##name,
enum knob {
#include "lib/batch/knobs.def"
	KNOB_COUNT
};
#undef KNOB
#undef SECONDS
#undef WORDS

struct knob_doc {
	const char *name;
	double least, most;
	bool whole, seconds;	  /* a duration is written like one, and its bounds are seconds */
	const char *const *words; /* NULL: a number; ends with NULL */
	const char *key, *help;
};
extern const struct knob_doc knob_docs[KNOB_COUNT];
/* ERR_USAGE with the nearest name. */
bool knob_find(const char *name, enum knob *ret, struct err *err) MUST_CHECK;
/* The value within its range; ERR_USAGE names the range. */
bool knob_parse(enum knob k, const char *text, double *ret, struct err *err) MUST_CHECK;
/* "0.25", "gentle"; and "0.01 to 1", "gentle, default, fast". */
void knob_in_words(enum knob k, double value, char *out, size_t size);
void knob_range_in_words(enum knob k, char *out, size_t size);

extern const char knobs_channel[]; /* of LISTEN */

enum stop_wish { STOP_NO, STOP_AFTER_BATCH, STOP_NOW };
struct knobs {
	double value[KNOB_COUNT]; /* NaN: as configured */
	bool paused;
	char paused_by[128], paused_at[32];
	enum stop_wish stop;
	char stopped_by[128];
	char ignored[128]; /* a value out of its range, for a warning; "" when there is none */
};
/* since: only stops after this event count. */
bool knobs_read(const struct ledger *l, struct pg *db, int64_t since, struct knobs *ret,
		struct err *err) MUST_CHECK;

struct knob_change {
	const char *verb;  /* of the event: pause, resume, stop, stop-now, tune */
	const char *name;  /* of the row in @.knob: "paused", or a knob's; NULL: none (stop) */
	const char *value; /* NULL: the row goes, as configured */
	double ttl;	   /* seconds; 0: until it is changed */
};
/* All or none, as one transaction with its events and one notification. */
bool knobs_change(const struct ledger *l, struct pg *db, const struct knob_change *changes,
		  size_t n, struct err *err) MUST_CHECK;
/* Only the event: what was asked of one program, on its host.  by: "SIGUSR1". */
bool knobs_note(const struct ledger *l, struct pg *db, const char *by, const char *verb,
		struct err *err) MUST_CHECK;
