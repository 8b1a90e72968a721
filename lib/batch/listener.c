/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session that hears operators while another is busy; listener.h says why. */
#include "lib/batch/listener.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double connect_again = 1; /* seconds after an attempt that failed */
/* Whoever waits for a statement waits for this session too, which a lock may hold up. */
enum { PATIENCE_MS = 2000 };
static const double look_again = 0.5; /* seconds between looks in a pause */
/* Of a database without a ledger, and until one is found: only this host is heard. */
static const struct ledger none = { .shared = false };

static void name_pause(const struct control *c, char *out, size_t size)
{
	out[0] = '\0';
	if (c->knobs.paused)
		snprintf(out, size, "%s %s", c->knobs.paused_at, c->knobs.paused_by);
}

static bool any_open(struct pg *db)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	return pg_query(db, "SELECT FROM plmaint.run WHERE state = 'open'", NULL, 0, &r,
			&ignored) &&
	       pg_rows_count(r) > 0;
}

/* Before there is work nothing is written, unless a run is open, which is work. */
static bool join(struct listener *l, struct err *err)
{
	bool any, copy;

	if (!ledger_has(l->db, "knob", &any, err) || !any || !ledger_is_copy(l->db, &copy, err) ||
	    copy) {
		if (pg_alive(l->db))
			l->steer.knobs.paused = false; /* there is no ledger any more */
		return false;
	}
	l->ledger = (struct ledger){ .schema = "plmaint", .shared = true };
	l->joined = l->joins && (l->at_work || any_open(l->db));
	return l->joined ? control_join(&l->steer, &l->ledger, l->db, l->run_id, err)
			 : control_overhear(&l->steer, &l->ledger, l->db, err);
}

/* What was wanted then is wanted still, as far as is known. */
static void hang_up(struct listener *l)
{
	pg_close(TAKE(l->db));
	l->steer.ledger = &none;
}

static void open_session(struct listener *l)
{
	AUTO_FREE char *name = xasprintf("plmaint:%.8s:listener", l->run_id);
	const struct pg_options o = { .conninfo = l->conninfo,
				      .application_name = name,
				      .connect_timeout_s = 2,
				      .statement_timeout_ms = PATIENCE_MS };
	struct err ignored;

	l->retry = clock_monotonic() + connect_again;
	if (!pg_connect(&o, &l->db, &ignored))
		return;
	if (!join(l, &ignored)) {
		hang_up(l);
		return;
	}
	if (!l->joins && !l->overheard)
		name_pause(&l->steer, l->before, sizeof(l->before));
	l->overheard = true;
}

static void look(struct listener *l)
{
	if (!l->steer.ledger)
		l->steer.ledger = &none;
	l->steer.brake_file = l->brake_file;
	if (l->db && !pg_alive(l->db))
		hang_up(l);
	if (!l->db && !l->alone && clock_monotonic() >= l->retry)
		open_session(l);
	if (l->db)
		control_look(&l->steer, l->db);
}

static bool paused(const struct listener *l, char *why, size_t size)
{
	struct control wanted = l->steer;
	char now[sizeof(l->before)];

	name_pause(&wanted, now, sizeof(now));
	wanted.knobs.paused &= strcmp(now, l->before) != 0;
	return control_paused(&wanted, why, size);
}

bool listener_hears(void *listener)
{
	struct listener *l = listener;
	char why[256];

	if (stop_requested())
		return true;
	look(l);
	return stop_requested() || paused(l, why, sizeof(why));
}

bool listener_paused(struct listener *l, char *why, size_t size)
{
	look(l);
	return paused(l, why, size);
}

bool listener_hears_resume(struct listener *l)
{
	char why[256];
	bool still = listener_paused(l, why, sizeof(why));

	return (l->db || l->alone) && !still;
}

bool listener_hears_stop(void *listener)
{
	if (!stop_requested())
		look(listener);
	return stop_requested();
}

void listener_begin(struct listener *l, struct pg *db)
{
	if (l)
		pg_heed(db, listener_hears, l);
}

void listener_end(struct listener *l, struct pg *db)
{
	pg_heed(db, NULL, NULL);
	if (l)
		listener_rest(l);
}

static void begin_hold(struct listener *l, const char *label, const char *why)
{
	EMIT(l->reporter, "wait", F_TEXT("label", label), F_TEXT("reason", why),
	     F_REAL("seconds", NAN));
	if (l->db && l->joined) {
		control_note(&l->steer, l->db);
		control_tell(&l->steer, l->db, "held", why);
	}
}

bool listener_hold(struct listener *l, const char *label)
{
	char why[256], told[256] = "";

	for (; !stop_requested(); control_wait(&l->steer, l->db, -1, look_again)) {
		look(l);
		if (!paused(l, why, sizeof(why)) || stop_requested())
			break;
		if (!told[0])
			stop_timer_hold();
		if (strcmp(told, why) != 0)
			begin_hold(l, label, why);
		snprintf(told, sizeof(told), "%s", why);
	}
	if (told[0])
		stop_timer_go();
	if (told[0] && l->db && l->joined) {
		control_note(&l->steer, l->db);
		control_tell(&l->steer, l->db, "between", "");
	}
	return !stop_requested();
}

void listener_rest(struct listener *l)
{
	hang_up(l);
	l->steer.knobs.paused = false;
	l->retry = 0;
}
