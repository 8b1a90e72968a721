/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The throttle: from what others feel to the share of time in which we work (duty) and the length
 * of a batch.  A pure function of its state, the signals and the time, so that a recorded trace
 * gives the same decisions again.
 *
 * The goal: a request's 99th percentile with us is at most max(1.10 x, + 2 ms) of that without us.
 * Both are measured at once, by probes that met a batch of ours and probes that met none.
 */
#pragma once
#include "lib/core/err.h"
#include "lib/core/strbuf.h"
#include "lib/pace/seek.h"
#include <stddef.h>

enum signal {
#define SIGNAL(id, name, soft, hard, unit, flags, words) SIGNAL_##id,
#include "lib/pace/signals.def"
#undef SIGNAL
	SIGNAL_COUNT
};

enum signal_state {
	SIGNAL_ABSENT, /* does not apply: no standby, no Redis, another host */
	SIGNAL_KNOWN,
	SIGNAL_UNKNOWN /* applies, and could not be seen: no good news */
};
struct signal_value {
	enum signal_state state;
	double value;
	double at; /* clock_monotonic() of the look */
};

/* finalize: only the hard limits; users feel the rest. */
enum profile { PROFILE_GENTLE, PROFILE_DEFAULT, PROFILE_FAST, PROFILE_FINALIZE };
extern const char *const profile_names[]; /* by enum; ends with NULL */

enum { MOST_PROBES = 64 };
struct signals {
	struct signal_value of[SIGNAL_COUNT];
	enum { BUSY_UNKNOWN, BUSY_NO, BUSY_YES, BUSY_VERY } busy; /* others are at work */
	struct latency probe[MOST_PROBES];			  /* since the step before */
	size_t probes;
	double batch; /* seconds that a batch takes; 0: none yet */
	bool yields;  /* our sessions get the processor only while nobody else wants it */
	/* What the operator wants at the moment. */
	enum profile profile;
	double max_duty;
	double calm;	/* seconds without a limit in sight before it works again after a halt */
	double max_lag; /* seconds that a standby may be behind before it slows, ten times: stops;
			   0: as usual */
};
extern const double usual_calm;

enum slow {
	SLOW_NONE,    /* full speed */
	SLOW_USER,    /* as fast as it may be */
	SLOW_SEEKING, /* others are at work: how fast it may be is being found out */
	SLOW_LATENCY, /* faster would be felt */
	SLOW_UNKNOWN, /* a signal cannot be seen */
	SLOW_SIGNAL,  /* a signal is above its soft limit */
	SLOW_HALT,    /* a signal is above its hard limit */
	SLOW_COUNT
};
struct decision {
	double duty;   /* 0, or 0.02 to 1 */
	bool away;     /* for a moment nobody is to work: it looks how others fare without us */
	double target; /* seconds that a batch should take */
	enum slow reason;
	enum signal signal;  /* of the last three reasons */
	double value, limit; /* of the signal; of latency: the 99th percentile and what it may be */
	enum request request; /* of latency: which feel it most */
};

struct controller {
	enum profile profile;
	struct decision now;
	double lost[SLOW_COUNT]; /* seconds not worked, by reason */
	/* Those of the last three reasons by signal: too high, with the highest value, or unseen.
	 */
	double lost_to[SIGNAL_COUNT], worst[SIGNAL_COUNT], lost_unseen[SIGNAL_COUNT];

	double clock, t; /* the caller's time; ours, which neither jumps nor goes back */
	bool begun;
	struct seek seek;
	double busy, busy_since;
	bool looked, idle;
	unsigned over[SIGNAL_COUNT]; /* samples in a row at the hard limit */
	double sampled[SIGNAL_COUNT];
	bool halted;
	enum signal halted_by;
	double calm_since, halted_at[4], hibernate, hibernate_until;
	unsigned halts;
	double budget, budget_at; /* duty that keeps to the budget; of which sample */
};

void controller_start(struct controller *c);
/* To be called some times a second; c->now is the decision. */
void controller_step(struct controller *c, const struct signals *s, double now);
/* Nothing is lost until now. */
void controller_forget_lost(struct controller *c);
/* Whether it was stopped so often that it now stands still for minutes. */
bool controller_hibernates(const struct controller *c);
/* Whether consideration for others is what slows it: a profile that has less of it would be faster.
 */
bool decision_considers(const struct decision *d);
/* "another session waited 40 ms for a lock of ours"; "" at full speed. */
void decision_in_words(const struct decision *d, char *out, size_t size);

/*
 * Rows of a batch, from how long batches took.  Not part of the state above: writers ask for it
 * after each batch.
 */
struct batch_size {
	double rows; /* of the next batch; 0: as many as may be */
	double n, t; /* recent rows and seconds, older ones weigh less */
};
void batch_size_update(struct batch_size *b, size_t rows, double seconds, double target, int most);
/* A batch was refused: the next is half of it. */
void batch_size_halve(struct batch_size *b);

/* A trace: one line for each step, with what went in and what came out. */
void trace_write(struct strbuf *out, const struct signals *s, double now, const struct decision *d);
bool trace_read(const char *line, struct signals *s, double *now, struct err *err) MUST_CHECK;
const char *signal_name(enum signal s);
