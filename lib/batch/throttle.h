/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The controller at work: the main thread feeds it signals and probes and passes its decision on;
 * writers tell when a batch of theirs begins and ends.
 */
#pragma once
#include "lib/batch/engine.h"

struct throttle;
/* NULL when the setup has none: the duty is fixed. */
struct throttle *throttle_open(const struct batch_setup *setup);
void throttle_close(struct throttle *t);

/* Main thread: looks, probes and decides where it is time to. */
void throttle_turn(struct throttle *t);
/* While nobody works the session is closed. */
void throttle_rest(struct throttle *t);
/* The database will still grow by so many bytes. */
void throttle_expect(struct throttle *t, double growth);
/* What an operator wants at the moment; the numbers as in struct throttle_options. */
struct throttle_wish {
	enum profile profile;
	double calm, max_lag, max_wal;
};
/* What is wanted becomes what may be. */
void throttle_apply(struct throttle *t, const struct throttle_wish *wish, double *duty, int *rows);
/* Limits have stopped it so often that it stands still for minutes. */
bool throttle_hibernates(const struct throttle *t);
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

/* Writers. */
void throttle_begin(struct throttle *t);
void throttle_end(struct throttle *t, size_t rows, double seconds);
