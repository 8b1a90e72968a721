/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening to operators, and telling them; control.h says how. */
#include "lib/batch/control.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/report/wire.h"
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const double look_again = 0.3; /* seconds: what a lost notification costs at most */
static const double tell_again = 1.0; /* seconds between words about progress */

static void begin(struct control *c, const struct ledger *l)
{
	c->ledger = l;
	for (int k = 0; k < KNOB_COUNT; k++)
		c->knobs.value[k] = NAN;
}

static void look_first(struct control *c, int64_t since, struct pg *db)
{
	c->listens = true;
	c->since = since;
	c->looked = 0;
	control_look(c, db);
}

bool control_overhear(struct control *c, const struct ledger *l, struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	begin(c, l);
	if (!l->shared)
		return true;
	if (!pg_listen(db, knobs_channel, err) ||
	    !ledger_query(l, db, "SELECT coalesce(max(id), 0) FROM @.event", NULL, 0, &r, err))
		return false;
	/* A stop may have come between two sessions. */
	look_first(c, c->listens ? c->since : pg_int(r, 0, 0), db);
	return true;
}

bool control_join(struct control *c, const struct ledger *l, struct pg *db, const char *invocation,
		  struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char host[256] = "", pid[16];

	begin(c, l);
	c->invocation = invocation;
	if (!l->shared)
		return true;
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	/* Programs that nobody hears of any more are forgotten here. */
	if (!pg_listen(db, knobs_channel, err) ||
	    !ledger_query(
		    l, db,
		    "DELETE FROM @.program WHERE beat < clock_timestamp() - interval '30 days'",
		    NULL, 0, NULL, err) ||
	    !ledger_query(
		    l, db,
		    "INSERT INTO @.program AS p (invocation, host, pid, event) VALUES ($1, $2, $3::int,"
		    " (SELECT coalesce(max(id), 0) FROM @.event)) ON CONFLICT (invocation) DO UPDATE"
		    " SET beat = clock_timestamp() RETURNING event",
		    (struct pg_param[]){ PG_P_TEXT(invocation), PG_P_TEXT(host), PG_P_TEXT(pid) },
		    3, &r, err))
		return false;
	look_first(c, pg_int(r, 0, 0), db);
	return true;
}

static void noted(void *arg, const char *channel, const char *payload)
{
	bool *any = arg;

	(void)payload;
	*any |= strcmp(channel, knobs_channel) == 0;
}

static void obey(struct control *c)
{
	if (c->knobs.ignored[0] && strcmp(c->knobs.ignored, c->warned) != 0)
		log_warning("the ledger has a knob that is ignored: %s", c->knobs.ignored);
	memcpy(c->warned, c->knobs.ignored, sizeof(c->warned));
	if (c->knobs.stop == STOP_NO || c->stop_carried)
		return;
	c->stop_carried = true;
	log_warning("stopped by %s", c->knobs.stopped_by);
	stop_ask(SIGTERM);
}

void control_look(struct control *c, struct pg *db)
{
	double now = clock_monotonic();
	struct knobs knobs;
	struct err ignored;
	bool any = false;

	if (!c->ledger->shared || !pg_alive(db) || !pg_notifications(db, noted, &any, &ignored) ||
	    (!any && c->looked > 0 && now - c->looked < look_again))
		return;
	c->looked = now;
	if (!knobs_read(c->ledger, db, c->since, &knobs, &ignored))
		return;
	c->knobs = knobs;
	obey(c);
}

void control_wait(const struct control *c, struct pg *db, int wake, double seconds)
{
	/* A wish to stop that was seen stays readable: whoever goes on all the same has no use of
	 * it. */
	struct pollfd fds[] = {
		{ .fd = stop_requested() ? -1 : stop_fd(), .events = POLLIN },
		{ .fd = wake, .events = POLLIN },
		{ .fd = c->ledger->shared && pg_alive(db) ? pg_socket(db) : -1, .events = POLLIN },
	};

	if (seconds > 0)
		(void)poll(fds, ARRAY_LEN(fds), (int)ceil(fmin(seconds, 3600) * 1000));
}

bool control_paused(const struct control *c, char *why, size_t size)
{
	if (c->knobs.paused)
		snprintf(why, size, "paused by %s at %s; `plmaint pre-migrate resume` goes on",
			 c->knobs.paused_by, c->knobs.paused_at);
	else if (stop_pause_asked())
		snprintf(why, size, "paused by SIGUSR1; SIGUSR2 to process %d goes on",
			 (int)getpid());
	else if (c->brake_file && access(c->brake_file, F_OK) == 0)
		snprintf(why, size, "held by the file %s; it goes on without it", c->brake_file);
	else
		return false;
	return true;
}

void control_note(struct control *c, struct pg *db)
{
	const char *local = stop_pause_asked()					? "SIGUSR1"
			    : c->brake_file && access(c->brake_file, F_OK) == 0 ? "brake file"
										: NULL;
	struct err ignored;

	if (c->ledger->shared && pg_alive(db) && !local != !c->local)
		(void)!knobs_note(c->ledger, db, local ? local : c->local,
				  local ? "pause" : "resume", &ignored);
	c->local = local;
}

double control_value(const struct control *c, enum knob k, double configured)
{
	return isnan(c->knobs.value[k]) ? configured : c->knobs.value[k];
}

static void tell(struct control *c, struct pg *db, const char *state, const char *reason,
		 const char *progress)
{
	struct err ignored;

	c->told = clock_monotonic();
	if (!c->ledger->shared || !c->invocation || !pg_alive(db))
		return;
	(void)!ledger_query(
		c->ledger, db,
		/* Not waited for: a word that a crash takes is worth no wait for the disk. */
		"WITH w AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))"
		" UPDATE @.program SET state = $2, reason = $3, progress = coalesce($4, progress),"
		" beat = clock_timestamp() FROM w WHERE invocation = $1",
		(struct pg_param[]){ PG_P_TEXT(c->invocation), PG_P_TEXT(state), PG_P_TEXT(reason),
				     PG_P_TEXT(progress) },
		4, NULL, &ignored);
}

void control_tell_progress(struct control *c, struct pg *db, const struct field *fields)
{
	AUTO_STRBUF struct strbuf json = { 0 };

	if (c->told > 0 && clock_monotonic() - c->told < tell_again)
		return;
	strbuf_adds(&json, "{");
	wire_add(&json, fields);
	strbuf_adds(&json, "}");
	tell(c, db, "working", "", json.data);
}

void control_tell(struct control *c, struct pg *db, const char *state, const char *reason)
{
	tell(c, db, state, reason, NULL);
	c->told = 0;
}
