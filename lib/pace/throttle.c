/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session for looking is apart from the control session: a look that takes long is cancelled
 * by its own timeout and holds up nothing. */
#include "lib/pace/throttle.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/drivers/pressure.h"
#include "lib/drivers/priority.h"
#include "lib/pace/crowd.h"
#include "lib/pace/gate.h"
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double between = 0.25;    /* seconds between decisions */
static const double between_alone = 1; /* the same while nobody is online */
static const double ask_again = 2;     /* seconds between looks whether anybody is online */
static const double try_again = 2;     /* seconds between attempts to connect */
static const double aftermath = 0.02;  /* seconds for which a batch is felt after its end */
static const double megabyte = 1e6;
static const double worth_telling = 0.5; /* seconds lost */
static const double hardly_rests = 0.9;	 /* duty */
/* Below so many rows a batch is round trips and not rows: less of them costs more of everything. */
enum { PROBES_EACH_TURN = 1, PROBES_AWAY = 2, FEWEST_ROWS = 20 };

/* What fills the server's disk stops the work whoever is online. */
static const enum signal always[] = { SIGNAL_SLOT, SIGNAL_ARCHIVE, SIGNAL_ARCHIVER, SIGNAL_ROOM };

struct throttle {
	struct throttle_setup setup;
	struct controller controller;
	struct controller alone; /* while nobody is online, for the limits that hold even so */
	struct sense *sense;
	struct pg *db;
	double try_at, decided;
	bool online; /* Pulp's users may feel it, or an operator said how much it may be */
	bool budget; /* of WAL */
	bool paused; /* nothing was decided since */
	double asked;
	struct signals signals;
	struct crowd crowd;
	FILE *trace;

	atomic_int in_flight;
	_Atomic double ended; /* when the last batch did */
	atomic_bool away;
	struct gate gate;
	pthread_mutex_t lock; /* guards all below */
	struct batch_size size;
	double target; /* seconds of a batch */
};

/* Any thread. */
static bool felt(void *arg, double began)
{
	struct throttle *t = arg;

	return atomic_load(&t->in_flight) > 0 || atomic_load(&t->ended) + aftermath >= began;
}

/* Any thread. */
static bool is_away(void *arg)
{
	return atomic_load(&((struct throttle *)arg)->away);
}

struct throttle *throttle_open(const struct throttle_setup *setup)
{
	const struct throttle_options *o = setup->options;

	if (!o)
		return NULL;
	struct throttle *t = xcalloc(1, sizeof(*t));
	t->setup = *setup;
	pthread_mutex_init(&t->lock, NULL);
	gate_open(&t->gate);
	controller_start(&t->controller);
	controller_start(&t->alone);
	crowd_start(&t->crowd);
	t->signals.profile = o->profile;
	t->signals.max_duty = 1;
	t->signals.calm = o->calm;
	atomic_init(&t->ended, -INFINITY);
	struct sense_options look = o->sense;
	look.met = felt;
	look.away = is_away;
	look.met_arg = t;
	t->sense = sense_open(&look);
	t->asked = -INFINITY;
	t->target = t->controller.now.target;
	t->size.rows = 50; /* until the first has been timed */
	if (o->trace_file && !(t->trace = fopen(o->trace_file, "ae")))
		log_warning("no trace is written: '%s' cannot be opened", o->trace_file);
	return t;
}

void throttle_close(struct throttle *t)
{
	if (!t)
		return;
	sense_close(t->sense);
	throttle_rest(t);
	if (t->trace)
		fclose(t->trace);
	gate_close(&t->gate);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

void throttle_rest(struct throttle *t)
{
	if (!t || !t->db)
		return;
	t->setup.disconnect(t->setup.connect_arg, TAKE(t->db));
	t->try_at = 0; /* nothing has gone wrong */
}

void throttle_pause(struct throttle *t)
{
	if (!t)
		return;
	throttle_rest(t);
	sense_again(t->sense);
	memset(t->signals.of, 0, sizeof(t->signals.of));
	t->signals.probes = 0;
	t->asked = t->decided = -INFINITY;
	t->paused = true;
}

static void connect_again(struct throttle *t, double now)
{
	struct err err;

	if (t->db && pg_alive(t->db))
		return;
	pg_close(t->db);
	t->db = NULL;
	if (now < t->try_at)
		return;
	t->try_at = now + try_again;
	if (!t->setup.connect(t->setup.connect_arg, "monitor", &t->db, &err))
		t->db = NULL; /* unknown is what the controller makes of it */
	sense_begin(t->sense);
}

static void add(struct throttle *t, double value, enum request kind, bool met)
{
	if (!isnan(value) && t->signals.probes < MOST_PROBES)
		t->signals.probe[t->signals.probes++] = (struct latency){ value, kind, met };
}

static void probe(struct throttle *t)
{
	double began = clock_monotonic();
	bool met = felt(t, began);
	double seconds = sense_probe(t->sense, t->db);

	add(t, seconds, REQUEST_SQL, met || felt(t, began));
}

static void probe_all(struct throttle *t)
{
	int n = t->controller.now.away ? PROBES_AWAY : PROBES_EACH_TURN;

	if (!t->db || t->controller.idle)
		return;
	add(t, sense_sessions(t->sense, t->db), REQUEST_SESSIONS, felt(t, clock_monotonic()));
	for (int i = 0; i < n; i++)
		probe(t);
}

/*
 * Beside others one batch at a time: two of ours would leave a host of few cores none for them.
 * Where one at a time would hardly ever rest, nobody feels it.
 *
 * Who yields may be taken off the processor in the midst of a record of the WAL, and all who commit
 * wait for that record.  They sleep then, so the processor is soon free again; but were there more
 * of ours that want it, those would have it first, one after the other and milliseconds each.  So
 * there are never more than processors, whatever they do.
 */
static void set_at_once(struct throttle *t, bool alone)
{
	const struct decision *d = &t->controller.now;
	bool beside = !alone && !t->controller.idle;
	bool yields = beside && t->signals.yields;
	bool no_limit = t->signals.profile == PROFILE_FINALIZE;

	pthread_mutex_lock(&t->lock);
	t->target = d->target;
	pthread_mutex_unlock(&t->lock);
	if (yields)
		gate_set(&t->gate, priority_room_aside(), true,
			 no_limit ? 0 : crowd_rests(&t->crowd));
	else
		gate_set(&t->gate, beside && d->duty < hardly_rests ? 1 : INT_MAX, false, 0);
	atomic_store(&t->away, !alone && d->away);
}

static void begin_again(struct throttle *t)
{
	if (!t->paused)
		return;
	t->paused = false;
	controller_forget_lost(&t->controller);
	controller_forget_lost(&t->alone);
}

/* With nobody to be slow for only the limits that stop it count. */
static void decide_alone(struct throttle *t, double now)
{
	struct signals s = {
		.busy = BUSY_NO, .profile = PROFILE_FINALIZE, .max_duty = 1, .calm = t->signals.calm
	};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		s.of[always[i]] = t->signals.of[always[i]];
	controller_step(&t->alone, &s, now);
	begin_again(t);
	set_at_once(t, true);
	t->signals.probes = 0;
	t->decided = now;
}

/* Of a longer time than usual nobody knows what else there was. */
static void look_at_processors(struct throttle *t, double now)
{
	struct processors p = processors_read();

	crowd_take(&t->crowd, t->controller.now.away && now - t->decided < 2 * between, p.busy,
		   p.all);
}

static void decide(struct throttle *t, double now)
{
	AUTO_STRBUF struct strbuf line = { 0 };

	look_at_processors(t, now);

	pthread_mutex_lock(&t->lock);
	t->signals.batch = t->size.n > 0 ? t->size.t / t->size.n * t->size.rows : 0;
	pthread_mutex_unlock(&t->lock);
	controller_step(&t->controller, &t->signals, now);
	begin_again(t);
	set_at_once(t, false);
	if (t->trace) {
		trace_write(&line, &t->signals, now, &t->controller.now);
		(void)fwrite(line.data, 1, line.len, t->trace);
		(void)fflush(t->trace);
	}
	t->signals.probes = 0;
	t->decided = now;
}

static void look_online(struct throttle *t, double now)
{
	const struct throttle_options *o = t->setup.options;

	/* The other controller knows nothing of a halt: who has halted waits until it is calm. */
	if (now - t->asked < ask_again || (!t->online && t->alone.halted))
		return;
	t->asked = now;
	t->online = t->budget || !t->db || o->online(t->setup.connect_arg, t->db);
}

void throttle_turn(struct throttle *t)
{
	if (!t)
		return;
	double now = clock_monotonic();
	connect_again(t, now);
	look_online(t, now);
	if (!t->online && now - t->decided < between_alone)
		return;
	sense_look(t->sense, t->db, now, &t->signals);
	if (!t->online) {
		decide_alone(t, now);
		return;
	}
	probe_all(t);
	if (now - t->decided >= between)
		decide(t, now);
}

void throttle_yields(struct throttle *t, bool yields)
{
	if (t)
		t->signals.yields = yields;
}

void throttle_expect(struct throttle *t, double growth)
{
	if (t)
		sense_expect(t->sense, growth);
}

void throttle_apply(struct throttle *t, const struct throttle_wish *wish, double *duty, int *rows)
{
	if (!t)
		return;
	t->signals.profile = wish->profile;
	t->signals.calm = wish->calm;
	t->signals.max_lag = wish->max_lag;
	t->signals.max_duty = *duty;
	t->budget = wish->max_wal > 0;
	sense_budget(t->sense, wish->max_wal * megabyte);
	sense_query_every(t->sense, wish->query_every);
	const struct decision *d = throttle_decision(t);
	if (!d)
		return;
	*duty = fmin(*duty, d->duty);
	if (!throttle_others(t))
		return; /* nobody whom a long batch could hold up */
	pthread_mutex_lock(&t->lock);
	int fit = (int)fmax(t->size.rows, FEWEST_ROWS);
	pthread_mutex_unlock(&t->lock);
	*rows = fit < *rows ? fit : *rows;
}

const struct decision *throttle_decision(const struct throttle *t)
{
	if (!t || t->online)
		return t ? &t->controller.now : NULL;
	return t->alone.now.reason == SLOW_HALT ? &t->alone.now : NULL;
}

bool throttle_away(const struct throttle *t)
{
	return t && atomic_load(&t->away);
}

bool throttle_hibernates(const struct throttle *t)
{
	return t && controller_hibernates(t->online ? &t->controller : &t->alone);
}

/* Gets each reason with the seconds that it has cost. */
struct telling {
	void (*fn)(const struct telling *to, const char *reason, double seconds);
	const struct throttle *t;
	const char *label;
	struct strbuf *text;
};

static void tell(const struct telling *to, const struct decision *why, double seconds)
{
	char words[200];

	if (seconds < worth_telling)
		return;
	decision_in_words(why, words, sizeof(words));
	to->fn(to, words, seconds);
}

/* Those that slow it most, in seconds. */
static const struct felt *felt_of(const struct throttle *t)
{
	if (t->controller.seek.tightest == REQUEST_SESSIONS)
		return &t->controller.seek.felt[REQUEST_SQL];
	return &t->controller.seek.felt[t->controller.seek.tightest];
}

static double lost_to(const struct throttle *t, int s)
{
	return t->controller.lost_to[s] + t->alone.lost_to[s];
}

static void tell_all(const struct telling *to)
{
	const struct throttle *t = to->t;
	const struct seek *seek = &t->controller.seek;

	for (int r = SLOW_USER; r <= SLOW_LATENCY; r++) {
		struct decision why = { .reason = (enum slow)r,
					.limit = seek->felt[seek->tightest].limit,
					.request = seek->tightest };
		tell(to, &why, t->controller.lost[r]);
	}
	for (int s = 0; s < SIGNAL_COUNT; s++) {
		struct decision why = { .reason = SLOW_SIGNAL,
					.signal = (enum signal)s,
					.value = fmax(t->controller.worst[s], t->alone.worst[s]) };
		if (t->controller.lost_unseen[s] > 0)
			tell(to, &(struct decision){ .reason = SLOW_UNKNOWN, .signal = why.signal },
			     t->controller.lost_unseen[s]);
		tell(to, &why, lost_to(t, s));
	}
}

static void as_event(const struct telling *to, const char *reason, double seconds)
{
	EMIT(to->t->setup.reporter, "slowed", F_TEXT("label", to->label), F_TEXT("reason", reason),
	     F_REAL("seconds", seconds));
}

void throttle_tell(const struct throttle *t, const char *label)
{
	if (t)
		tell_all(&(struct telling){ .fn = as_event, .t = t, .label = label });
}

bool throttle_crowded(const struct throttle *t)
{
	return throttle_others(t) && t->crowd.is;
}

bool throttle_others(const struct throttle *t)
{
	return t && t->online && !t->controller.idle;
}

void throttle_felt(const struct throttle *t, double *seen, double *limit)
{
	if (!throttle_others(t) || felt_of(t)->limit <= 0)
		return;
	*seen = felt_seen(felt_of(t));
	*limit = felt_of(t)->limit;
}

void throttle_lost_by(const struct throttle *t, struct named out[THROTTLE_REASONS + 1])
{
	static const char *const codes[] = {
		[SLOW_USER] = "duty", [SLOW_SEEKING] = "seeking", [SLOW_LATENCY] = "latency"
	};
	double unseen = 0;
	size_t n = 0;

	for (int r = SLOW_USER; t && r <= SLOW_LATENCY; r++)
		if (t->controller.lost[r] >= worth_telling)
			out[n++] = (struct named){ codes[r], t->controller.lost[r] };
	for (int s = 0; t && s < SIGNAL_COUNT; s++) {
		unseen += t->controller.lost_unseen[s];
		if (lost_to(t, s) >= worth_telling)
			out[n++] = (struct named){ signal_name((enum signal)s), lost_to(t, s) };
	}
	if (unseen >= worth_telling)
		out[n++] = (struct named){ "unknown", unseen };
	out[n] = (struct named){ NULL, 0 };
}

static void as_text(const struct telling *to, const char *reason, double seconds)
{
	char words[32];

	clock_in_words(seconds, words, sizeof(words));
	strbuf_addf(to->text, "%s%s (%s)", to->text->len ? ", " : "", words, reason);
}

void throttle_lost(const struct throttle *t, struct strbuf *out)
{
	if (t)
		tell_all(&(struct telling){ .fn = as_text, .t = t, .text = out });
}

bool throttle_enter(struct throttle *t)
{
	return t && gate_enter(&t->gate, false);
}

void throttle_leave(struct throttle *t)
{
	gate_leave(&t->gate);
}

void throttle_begin(struct throttle *t)
{
	if (!t)
		return;
	(void)gate_enter(&t->gate, true);
	atomic_fetch_add(&t->in_flight, 1);
}

void throttle_end(struct throttle *t, size_t rows, double seconds)
{
	if (!t)
		return;
	atomic_store(&t->ended, clock_monotonic());
	atomic_fetch_sub(&t->in_flight, 1);
	pthread_mutex_lock(&t->lock);
	batch_size_update(&t->size, rows, seconds, t->target, 1000000);
	pthread_mutex_unlock(&t->lock);
	gate_leave(&t->gate);
}
