/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A closed window, or a pause, keeps the process and its control session and nothing else: writers
 * have ended their sessions, the coordinator's seat is free, and what was committed is durable.
 */
#include "lib/batch/barrier.h"
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include "lib/core/stop.h"
#include "lib/drivers/priority.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double rest_again = 0.02; /* seconds between looks at the duty in a rest */
static const double look_again = 0.5;  /* seconds: the clock may be set while we wait */
/* Seconds after which a hold lasts: what is to be done in it would be felt at its beginning. */
static const double lasts = 10;
static const double jump = 30; /* seconds by which a clock is set, and not mended bit by bit */

void run_quit(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->quit, true);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* One question for all writers, where a cancel request of libpq is a connection for each, without
 * TLS, and past a pooler. */
static bool cancel_all(struct run *r, const char *pids)
{
	struct err ignored;

	return r->setup->ledger.shared && pg_alive(r->setup->control) &&
	       pg_query(r->setup->control,
			"SELECT pg_cancel_backend(pid) FROM unnest($1::int[]) AS pid",
			(struct pg_param[]){ PG_P_TEXT(pids) }, 1, NULL, &ignored);
}

/* What somebody waits for is not to wait for the processor itself.  Under the run's lock. */
static void run_step_forward(struct run *r)
{
	for (int i = 0; i < r->n_workers; i++) {
		struct worker *w = &r->workers[i];

		if (w->db && w->far > 0) {
			w->far = 0;
			w->last = false;
			(void)pg_step_back(w->db, 0);
		}
	}
}

void run_cancel(struct run *r)
{
	AUTO_STRBUF struct strbuf pids = { 0 };

	pthread_mutex_lock(&r->lock);
	run_step_forward(r);
	for (int i = 0; i < r->n_workers; i++)
		if (r->workers[i].db && !r->workers[i].borrowed)
			strbuf_addf(&pids, "%s%d", pids.len ? "," : "{",
				    pg_backend_pid(r->workers[i].db));
	pthread_mutex_unlock(&r->lock);
	if (!pids.len)
		return;
	strbuf_adds(&pids, "}");
	if (cancel_all(r, pids.data))
		return;
	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < r->n_workers; i++)
		if (r->workers[i].db && !r->workers[i].borrowed)
			pg_cancel(r->workers[i].db);
	pthread_mutex_unlock(&r->lock);
}

bool run_reconnect(struct batch_setup *setup, struct err *err)
{
	struct pg *db = NULL;

	if (!setup->connect(setup->connect_arg, "control", &db, err))
		return false;
	setup->replace_control(setup->connect_arg, db);
	setup->control = db;
	return true;
}

/* False: what was done may not be durable. */
static bool begin_hold(struct batch_setup *setup, const char *label, const char *why, double wall,
		       double change)
{
	struct err ignored;

	/* A session that is lost is made anew when it is needed. */
	bool durable = durable_barrier(setup->control, &ignored);

	if (setup->on_hold)
		setup->on_hold(setup->connect_arg);
	EMIT(setup->reporter, "wait", F_TEXT("label", label), F_TEXT("reason", why),
	     F_REAL("seconds", change > wall ? change - wall : NAN));
	control_note(setup->steer, setup->control);
	control_tell(setup->steer, setup->control, "held", why);
	return durable;
}

static void end_hold(struct batch_setup *setup, double since)
{
	if (since <= 0)
		return;
	setup->steer->held += clock_monotonic() - since;
	control_note(setup->steer, setup->control);
	stop_timer_go();
	control_tell(setup->steer, setup->control, "working", "");
}

/* The host's clock was set, or the host was asleep, while this ran. */
static void tell_jump(struct batch_setup *setup, double wall)
{
	double gap = wall - clock_monotonic(), by = gap - setup->steer->gap;
	char words[32], text[128];

	if (setup->steer->gap != 0 && fabs(by) >= jump) {
		clock_in_words(fabs(by), words, sizeof(words));
		snprintf(text, sizeof(text), "the clock of this host was put %s by %s%s",
			 by > 0 ? "forward" : "back", words, by > 0 ? ", or it slept" : "");
		EMIT(setup->reporter, "notice", F_TEXT("level", "warning"), F_TEXT("message", text),
		     F_TEXT("hint", "Windows and deadlines go by what it shows now, leases by the "
				    "server's clock."));
	}
	setup->steer->gap = gap;
}

/* A ledger of one's own says nothing of what operators want of all. */
static bool paused_now(const struct batch_setup *s, char *why, size_t size)
{
	if (!s->ledger.shared && s->listener) {
		bool paused = listener_paused(s->listener, why, size);
		if (s->listener->steer.listens)
			s->steer->knobs = s->listener->steer.knobs;
		return paused;
	}
	control_look(s->steer, s->control);
	return control_paused(s->steer, why, size);
}

enum schedule_state batch_hold(struct batch_setup *setup, const char *label, char *why, size_t size)
{
	char told[256] = "";
	double since = 0, change;
	bool to_do = false;
	struct err ignored;

	for (;; control_wait(setup->steer, setup->control, -1, look_again)) {
		double wall = clock_wall();
		tell_jump(setup, wall);
		if (setup->ledger.shared && !pg_alive(setup->control))
			(void)!run_reconnect(setup, &ignored);
		bool paused = paused_now(setup, why, size);
		enum schedule_state state =
			schedule_look(&setup->schedule, wall, clock_monotonic(), &change);
		paused &= state == SCHEDULE_GO;
		if (state != SCHEDULE_GO)
			schedule_in_words(state, change, wall, why, size);
		if ((!paused && state != SCHEDULE_CLOSED) || stop_requested()) {
			end_hold(setup, since);
			return paused ? SCHEDULE_CLOSED : state;
		}
		if (since <= 0) {
			since = clock_monotonic();
			stop_timer_hold();
		}
		emit_turn(setup->reporter);
		if (strcmp(told, why) != 0)
			to_do = begin_hold(setup, label, why, wall, paused ? 0 : change);
		snprintf(told, sizeof(told), "%s", why);
		if (to_do && setup->on_long_hold && clock_monotonic() - since >= lasts) {
			setup->on_long_hold(setup->connect_arg);
			to_do = false;
		}
	}
}

void batch_lasts(const struct batch_setup *setup)
{
	listener_begin(setup->listener, setup->control);
}

bool batch_again(struct batch_setup *setup, const char *label, bool ok, const struct err *err)
{
	char why[256];

	listener_end(setup->listener, setup->control);
	if (ok || err->code != ERR_HELD)
		return false;
	setup->steer->looked = 0; /* the listener has looked, this session has not */
	return batch_hold(setup, label, why, sizeof(why)) == SCHEDULE_GO && !stop_requested();
}

/* Where nobody is online, and where a deadline would be missed, it does not step back; where others
 * take most of the processors it leaves them some for themselves. */
static void step_back(struct run *r)
{
	bool hurries = r->hurry.at_least > PROFILE_DEFAULT;
	bool nobody = r->throttle && !throttle_decision(r->throttle);
	int far = hurries || nobody ? 0 : r->setup->nice;

	if (far == PRIORITY_LAST && throttle_crowded(r->throttle))
		far = PRIORITY_ASIDE;
	atomic_store(&r->far, far);
	readers_step_back(r->readers, far);
}

void run_take_knobs(struct run *r)
{
	const struct control *c = r->setup->steer;
	double duty = control_value(c, KNOB_duty, r->setup->duty);
	int rows = (int)control_value(c, r->phase->rows_knob, r->phase->batch_rows);

	const struct throttle_options none = { .profile = PROFILE_DEFAULT },
				      *o = r->setup->throttle ? r->setup->throttle : &none;
	struct throttle_wish wish = {
		.profile = (enum profile)control_value(c, KNOB_profile, o->profile),
		.calm = control_value(c, KNOB_calm, o->calm),
		.max_lag = control_value(c, KNOB_max_lag, o->max_lag),
		.max_wal = control_value(c, KNOB_max_wal, o->max_wal),
		.query_every = control_value(c, KNOB_query_every, o->query_every),
	};

	if (r->hurry.at_least > wish.profile)
		wish.profile = r->hurry.at_least;
	throttle_apply(r->throttle, &wish, &duty, &rows);
	atomic_store(&r->duty, duty);
	atomic_store(&r->away, throttle_away(r->throttle));
	atomic_store(&r->batch_rows, rows);
	step_back(r);
}

/* A batch that somebody waits for is cancelled and not waited for; it is done again later. */
static void run_yield(struct run *r)
{
	const struct decision *d = throttle_decision(r->throttle);
	bool blocks = d && d->reason == SLOW_HALT && d->signal == SIGNAL_LOCK_WAIT;

	if (blocks && !r->yielded)
		run_cancel(r);
	r->yielded = blocks;
}

static void tell_hibernation(const struct run *r, const char *text)
{
	EMIT(r->setup->reporter, "notice", F_TEXT("level", "warning"), F_TEXT("message", text),
	     F_TEXT("hint", "It stands still for five minutes, and longer each time; `plmaint "
			    "pre-migrate tune critical=abort` ends it."));
}

/* For minutes it stands still, and an operator may rather have it end, with its state saved. */
static void run_give_up(struct run *r)
{
	const struct throttle_options *o = r->setup->throttle;
	bool told = r->hibernates;
	char words[200], text[256];

	r->hibernates = throttle_hibernates(r->throttle);
	if (!r->hibernates || r->sum.why[0])
		return;
	decision_in_words(throttle_decision(r->throttle), words, sizeof(words));
	snprintf(text, sizeof(text), "limits have stopped it again and again: %s", words);
	if (control_value(r->setup->steer, KNOB_critical, o->give_up) > 0) {
		snprintf(r->sum.why, sizeof(r->sum.why), "%s", text);
		run_quit(r);
	} else if (!told) {
		tell_hibernation(r, text);
	}
}

/* The share of time in which it may not work is none of the step's. */
static void spare_the_limit(struct run *r)
{
	double now = clock_monotonic();
	double share = atomic_load(&r->away) ? 0 : atomic_load(&r->duty);

	if (r->limited > 0)
		stop_timer_extend((now - r->limited) * (1 - share));
	r->limited = now;
}

/* One that has no session yet, or is on its way back, is no other's hindrance. */
static bool all_yield(struct run *r)
{
	bool some = false, all = true;

	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < r->n_workers; i++) {
		const struct worker *w = &r->workers[i];
		some |= w->db != NULL;
		all &= !w->db || w->last;
	}
	pthread_mutex_unlock(&r->lock);
	return some && all;
}

void run_watch_throttle(struct run *r)
{
	spare_the_limit(r);
	throttle_yields(r->throttle, all_yield(r));
	throttle_turn(r->throttle);
	run_take_knobs(r);
	run_yield(r);
	run_give_up(r);
}

bool run_watch_operator(struct run *r)
{
	char why[256];

	if (!paused_now(r->setup, why, sizeof(why)))
		return false;
	r->held = true;
	run_quit(r);
	/* What is begun is lost, at most a batch a writer, and the operator waits for none.  Asked
	 * again until they have left: between two statements a session hears nothing. */
	run_cancel(r);
	return true;
}

void run_watch_schedule(struct run *r)
{
	double wall = clock_wall(), change;

	tell_jump(r->setup, wall);
	if (wall >= r->looked && wall < r->look_again)
		return;
	enum schedule_state state =
		schedule_look(&r->setup->schedule, wall, clock_monotonic(), &change);
	r->looked = wall;
	r->look_again = fmin(change, wall + look_again);
	if (state == SCHEDULE_GO)
		return;
	r->held = true;
	run_quit(r);
}

bool run_hold(struct run *r)
{
	double held = r->setup->steer->held;

	r->limited = 0;
	throttle_rest(r->throttle);
	enum schedule_state state =
		batch_hold(r->setup, r->job->label, r->sum.why, sizeof(r->sum.why));

	if (r->setup->steer->held > held)
		forecast_hold(r);
	if (stop_requested())
		return false;
	r->held = false;
	atomic_store(&r->quit, state != SCHEDULE_GO);
	if (state == SCHEDULE_GO)
		r->sum.why[0] = '\0';
	return state == SCHEDULE_GO;
}

void run_stand(struct run *r)
{
	while ((atomic_load(&r->duty) <= 0 || atomic_load(&r->away)) && !atomic_load(&r->quit))
		run_doze(r, rest_again);
}

void run_rest(struct run *r, double started)
{
	double now = clock_monotonic(), left;

	pthread_mutex_lock(&r->lock);
	pace_worked(&r->pace, atomic_load(&r->duty), now - started, r->workers_alive, now);
	pthread_mutex_unlock(&r->lock);
	for (;;) {
		pthread_mutex_lock(&r->lock);
		left = pace_left(&r->pace, atomic_load(&r->duty), clock_monotonic());
		bool away = atomic_load(&r->away);
		bool over = (left <= 0 && !away) || atomic_load(&r->quit);
		if (over)
			r->sum.rested += clock_monotonic() - now;
		pthread_mutex_unlock(&r->lock);
		if (over)
			return;
		run_doze(r, away ? rest_again : fmin(left, rest_again));
	}
}
