/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The operators' hands on a program at work: the ledger's knobs, pauses and stops (knobs.h), from
 * any host; SIGUSR1 and SIGUSR2, and a flag file as brake, on this one.  Main thread only.
 */
#pragma once
#include "lib/batch/knobs.h"
#include "lib/core/event.h"

struct control {
	const struct ledger *ledger;
	const char *invocation; /* run id of the program */
	const char *brake_file; /* while it exists nothing is done; NULL: none */
	bool listens;		/* since is known */
	int64_t since;		/* the last event before this program */
	struct knobs knobs;
	double looked;	   /* monotonic time of the last look into the ledger */
	double told;	   /* and of the last word about our progress */
	double held;	   /* seconds that were waited */
	double gap;	   /* wall less monotonic clock when they were last compared; 0: never */
	const char *local; /* what the host itself wanted when it was asked last; NULL: nothing */
	char warned[128];  /* of a knob that is ignored */
	bool stop_carried; /* the ledger's stop has become this program's wish */
};

/*
 * Says in the ledger that this program is at work, for all its steps together, and reads what is
 * wanted.  Where the ledger is nobody else's there is nothing to say and nothing to read.
 */
bool control_join(struct control *c, const struct ledger *l, struct pg *db, const char *invocation,
		  struct err *err) MUST_CHECK;
/* Reads what is wanted since it listened first, and says nothing: for who only looks. */
bool control_overhear(struct control *c, const struct ledger *l, struct pg *db,
		      struct err *err) MUST_CHECK;
/*
 * Looks when a notification has come, or 0.3 s after the last look.  A stop becomes a wish
 * to stop.  What fails is not told: whoever needs the session notices.
 */
void control_look(struct control *c, struct pg *db);
/* Waits until something may have changed: a notification, a wish to stop, a byte at wake (-1:
 * none), or the time is over. */
void control_wait(const struct control *c, struct pg *db, int wake, double seconds);
/* Why nothing may be done now, in words (size: 256 hold them); false: it may. */
bool control_paused(const struct control *c, char *why, size_t size);
/* A pause that the host itself wants, or wants no more, becomes an event of the ledger. */
void control_note(struct control *c, struct pg *db);
/* The knob, or what is configured. */
double control_value(const struct control *c, enum knob k, double configured);

/* For others to see: working with its progress (at most once a second), held with the reason, or
 * between batches. */
void control_tell_progress(struct control *c, struct pg *db, const struct field *fields);
void control_tell(struct control *c, struct pg *db, const char *state, const char *reason);
