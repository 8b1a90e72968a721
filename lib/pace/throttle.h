/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The controller at work: the main thread feeds it signals and probes and passes its decision on;
 * writers tell when a batch of theirs begins and ends.
 */
#pragma once
#include "lib/core/event.h"
#include "lib/pace/sense.h"

struct throttle_options {
	enum profile profile;
	double calm, max_lag; /* seconds, as in struct signals */
	double max_wal;	      /* megabytes of WAL a second; 0: as many as it takes */
	double query_every;   /* seconds for which the answer of a query counts */
	bool give_up;	      /* where limits stop it again and again the run ends */
	/* Asked now and then with the setup's connect_arg: while nobody is online there is nobody
	 * to be slow for. What cannot be seen counts as online. */
	bool (*online)(void *arg, struct pg *db);
	struct sense_options sense;
	const char
		*trace_file; /* gets what went into each decision and what came out; NULL: none */
};

struct throttle_setup {
	const struct throttle_options *options; /* NULL: there is no throttle, the duty is fixed */
	void *connect_arg;
	bool (*connect)(void *arg, const char *name, struct pg **ret, struct err *err);
	void (*disconnect)(void *arg, struct pg *db); /* connect may give it out again */
	const struct reporter *reporter;
};
struct throttle;
/* NULL when the setup has no options.  They are borrowed. */
struct throttle *throttle_open(const struct throttle_setup *setup);
void throttle_close(struct throttle *t);

/* Main thread: looks, probes and decides where it is time to. */
void throttle_turn(struct throttle *t);
/* While nobody works the session is closed. */
void throttle_rest(struct throttle *t);
/* One work has ended, and another will begin, at any time: what others bear is remembered, all else
 * is looked at anew, and what is lost until then is nobody's. */
void throttle_pause(struct throttle *t);
/* Whether the writers' sessions get the processor only while nobody else wants it. */
void throttle_yields(struct throttle *t, bool yields);
/* The database will still grow by so many bytes. */
void throttle_expect(struct throttle *t, double growth);
/* What an operator wants at the moment; the numbers as in struct throttle_options. */
struct throttle_wish {
	enum profile profile;
	double calm, max_lag, max_wal, query_every;
};
/* What is wanted becomes what may be. */
void throttle_apply(struct throttle *t, const struct throttle_wish *wish, double *duty, int *rows);
/* Limits have stopped it so often that it stands still for minutes. */
bool throttle_hibernates(const struct throttle *t);
/* For a moment nobody is to work, whatever the duty is: others are looked at without us. */
bool throttle_away(const struct throttle *t);
/* Somebody else is at work on the server, or it is not known.  NULL: nobody. */
bool throttle_others(const struct throttle *t);
/* They are, and take so much of this host's processors that some are to be theirs alone. */
bool throttle_crowded(const struct throttle *t);
/* NULL while nobody is online and nothing stops the work. */
const struct decision *throttle_decision(const struct throttle *t);
/* Tells how long it was slowed for which reason. */
void throttle_tell(const struct throttle *t, const char *label);

/* What a request takes while we work, and what it may take, in seconds; left alone where that is
 * not known. */
void throttle_felt(const struct throttle *t, double *seen, double *limit);

/* What it has cost until now in seconds, by code of the reason; out ends with a name that is NULL.
 */
enum { THROTTLE_REASONS = SLOW_COUNT + SIGNAL_COUNT };
void throttle_lost_by(const struct throttle *t, struct named out[THROTTLE_REASONS + 1]);
/* The same in words, for whoever asks while it runs; nothing when nothing was lost. */
void throttle_lost(const struct throttle *t, struct strbuf *out);

/* Writers.  A batch waits to begin while as many are at work as may be at once. */
void throttle_begin(struct throttle *t);
void throttle_end(struct throttle *t, size_t rows, double seconds);
/* Whatever else of ours takes a processor for a moment, milliseconds at most.  While our sessions
 * yield and others are at work it takes turns with the batches.  false: it takes none now, and
 * there is nothing to leave. */
bool throttle_enter(struct throttle *t);
void throttle_leave(struct throttle *t);
