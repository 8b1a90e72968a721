/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `pre-migrate wait | attach`: to its end with a run that others do. */
#include "commands/pre_migrate.h"

#include "lib/batch/leases.h"
#include "lib/batch/programs.h"
#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/probe.h"
#include "lib/report/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether a run is open, and whether anybody works on it; one that came with a copy of another
 * database is not. */
bool run_look(struct pg *db, bool *open, bool *alive, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_PROGRAMS struct programs now = { 0 };
	bool copy;

	/* A program that is held, or in a step between two runs, has no lease. */
	if (!ledger_is_copy(db, &copy, err) || !programs_read(db, NULL, &now, err) ||
	    !pg_query(
		    db,
		    "SELECT EXISTS (SELECT FROM plmaint.run WHERE state = 'open'),"
		    " EXISTS (SELECT FROM plmaint.run r WHERE state = 'open' AND token IS NOT NULL"
		    " AND " LEASE_HELD(
			    "r") ") OR EXISTS (SELECT FROM plmaint.range g"
				 " JOIN plmaint.run r ON r.id = g.run AND r.state = 'open'"
				 " WHERE g.token IS NOT NULL AND NOT g.finished AND " LEASE_HELD(
					 "g") ")",
		    NULL, 0, &r, err))
		return false;
	/* Who has joined comes first; one who only looks is none to wait for. */
	bool joined = now.n > 0 && now.item[0].joined;
	*open = (pg_bool(r, 0, 0) && !copy) || joined;
	*alive = (pg_bool(r, 0, 1) && !copy) || joined;
	return true;
}

static bool unaccepted(struct pg *db, bool *any, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT EXISTS (SELECT FROM plmaint.verdict WHERE effect <> 'examined' AND accepted IS NULL)",
		    NULL, 0, &r, err))
		return false;
	*any = pg_bool(r, 0, 0);
	return true;
}

/* What the view has shown last. */
struct view {
	char reason[256];
};

/* The program that has spoken last speaks for all: it has counted everybody's rows. */
static bool show(struct session *s, struct view *v, struct err *err)
{
	AUTO_PROGRAMS struct programs now = { 0 };
	const char *reason = "";
	struct wire w;

	if (!programs_read(s->probe->db, NULL, &now, err))
		return false;
	if (now.n == 0)
		return true;
	/* Held before it has begun it has no progress to show. */
	bool any = wire_read("progress", now.item[0].progress, &w);
	if (now.item[0].state != PROGRAM_WORKING)
		reason = now.item[0].reason;
	else if (any)
		emit(s->reporter, "progress", w.fields);
	if (*reason && strcmp(reason, v->reason) != 0)
		EMIT(s->reporter, "wait",
		     F_TEXT("label", any && now.item[0].state == PROGRAM_HELD && w.fields[0].key &&
						     w.fields[0].kind == FIELD_TEXT
					     ? w.fields[0].v.text
					     : "the run"),
		     F_TEXT("reason", reason));
	snprintf(v->reason, sizeof(v->reason), "%s", reason);
	if (any)
		wire_release(&w);
	return true;
}

static bool server_time(struct pg *db, char *ret, size_t size, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, "SELECT clock_timestamp()::text", NULL, 0, &r, err))
		return false;
	snprintf(ret, size, "%s", pg_text(r, 0, 0));
	return true;
}

enum follow { FOLLOW_END, FOLLOW_LEFT, FOLLOW_FAILED };

/* Until no run is open and nobody is at work, or the operator leaves. */
static enum follow follow(struct session *s, struct view *v, struct err *err)
{
	static const double look_again = 0.5,
			    idle_limit = 5.0; /* seconds; phases change hands in less */
	double idle_since = clock_monotonic();
	bool ledger, open, alive;

	if (!ledger_exists(s->probe->db, &ledger, err))
		return FOLLOW_FAILED;
	while (ledger) {
		if (!run_look(s->probe->db, &open, &alive, err) || (v && !show(s, v, err)))
			return FOLLOW_FAILED;
		if (!open)
			break;
		if (alive) {
			idle_since = clock_monotonic();
		} else if (clock_monotonic() - idle_since > idle_limit) {
			(void)err_set(err, ERR_STOPPED, "a run is open, but nobody works on it");
			(void)err_hint(err, "`plmaint pre-migrate run` goes on with it.");
			return FOLLOW_FAILED;
		}
		/* Who looks at it may have gone without a signal: `attach | head`. */
		if (!stop_wait(look_again) || (v && ferror(stdout)))
			return FOLLOW_LEFT;
	}
	return FOLLOW_END;
}

/* What those who ended meanwhile have ended with, else what is in the ledger. */
static bool exit_of_run(struct pg *db, const char *since, int *exit_status, struct err *err)
{
	bool ledger, any = false, told = false;

	if (!ledger_exists(db, &ledger, err) || (ledger && !unaccepted(db, &any, err)) ||
	    (ledger && !programs_ended(db, since, &told, exit_status, err)))
		return false;
	if (!told)
		*exit_status = any ? EXIT_WARNINGS : EXIT_DONE;
	return true;
}

bool pre_migrate_wait(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct view v = { "" };
	char since[64];
	struct err ignored;
	bool told;

	(void)options;
	if (!server_time(s->probe->db, since, sizeof(since), err))
		return false;
	/* Who sits before it sees how far it is; a script wants the exit status. */
	switch (follow(s, isatty(STDOUT_FILENO) ? &v : NULL, err)) {
	case FOLLOW_END:
		EMIT(s->reporter, "done", F_TEXT("message", "no run is open"));
		s->reporter->print(s->reporter->self, "no run is open\n");
		return exit_of_run(s->probe->db, since, exit_status, err);
	case FOLLOW_LEFT:
		return err_set(err, ERR_STOPPED, "stopped waiting; the run goes on"),
		       err_hint(err, "`plmaint pre-migrate status` shows how far it is.");
	case FOLLOW_FAILED:
		if (err->code == ERR_STOPPED)
			(void)!programs_ended(s->probe->db, since, &told, exit_status, &ignored);
		break;
	}
	return false;
}

bool pre_migrate_attach(struct session *s, const void *options, int *exit_status, struct err *err)
{
	struct view v = { "" };
	char since[64];
	bool open, alive;

	(void)options;
	if (!server_time(s->probe->db, since, sizeof(since), err) ||
	    !ledger_exists(s->probe->db, &open, err) ||
	    (open && !run_look(s->probe->db, &open, &alive, err)))
		return false;
	if (!open)
		return err_set(err, ERR_NOT_FOUND, "there is no run to look at"),
		       err_hint(err, "`plmaint pre-migrate run --background` begins one.");
	switch (follow(s, &v, err)) {
	case FOLLOW_END:
		s->reporter->print(s->reporter->self, "the run has ended\n");
		return exit_of_run(s->probe->db, since, exit_status, err);
	case FOLLOW_LEFT:
		s->reporter->print(s->reporter->self, "left; the run goes on\n");
		return true;
	case FOLLOW_FAILED:
		break;
	}
	return false;
}
