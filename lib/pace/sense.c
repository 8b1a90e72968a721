/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is asked when: the server four times a second for who is at work, once for all the rest. */
#include "lib/pace/sense.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/pressure.h"
#include "lib/pace/access_log.h"
#include "lib/pace/sense_slow.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char sense_sql[] =
#include "lib/pace/sense.sql.h"
	;

/* Of those that have been used lately. */
static const char sessions_sql[] =
	"SELECT count(*) FILTER (WHERE state <> 'idle'), count(*) FROM pg_stat_activity"
	" WHERE backend_type = 'client backend' AND application_name NOT LIKE 'plmaint:%'"
	" AND (state <> 'idle' OR state_change > clock_timestamp() - interval '10 s')";

static const double between = 0.25;	       /* seconds between looks at the server */
static const double between_host = 1;	       /* at this host */
static const double query_again = 1;	       /* between attempts at a query that failed */
static const double wal_span = 1, wal_gap = 3; /* seconds over which a rate is told, and not */
static const double checkpoints_in = 60;       /* seconds in which forced checkpoints count */
static const double deadlocks_in = 60;	       /* seconds after the last in which they count */
/* Pulp answers a request of ours over so many sessions. */
enum { EVERY_COMMIT = 5, VERY_BUSY = 2, SESSIONS_EACH = 2 };
/* A request asks the database several times, and waits each time: of ten such and more of Pulp's
 * half.
 */
enum { PARTS = 5 };

struct sense {
	struct sense_options o;
	struct sense_slow *slow;
	struct access_log *log;
	double log_read;
	struct pg *prepared; /* the session on which the statements are prepared */
	bool local;
	int server; /* pid of our session's backend */
	double looked, looked_at_host;
	struct pressure pressure;
	double checkpoints, counted_at; /* at the beginning of this minute */
	double deadlocks;		/* since ever; below 0: not looked yet */
	double recent, recent_at;	/* deadlocks, the last of them */
	unsigned probes;
	double growth;	   /* bytes; 0: not known */
	double wal_budget; /* bytes a second; 0: none */
	double query_every, queried;
	double wal, wal_at; /* bytes since ever, when it was looked at */
	bool no_messages;   /* this role may not write WAL messages */
};

struct sense *sense_open(const struct sense_options *o)
{
	struct sense *s = xcalloc(1, sizeof(*s));

	s->o = *o;
	sense_again(s);
	s->slow = sense_slow_start(o);
	if (o->access_log)
		s->log = access_log_open(o->access_log);
	return s;
}

void sense_again(struct sense *s)
{
	s->looked = s->looked_at_host = s->queried = -INFINITY;
}

void sense_close(struct sense *s)
{
	if (!s)
		return;
	sense_slow_stop(s->slow);
	access_log_close(s->log);
	free(s);
}

void sense_expect(struct sense *s, double growth)
{
	s->growth = growth;
}

void sense_budget(struct sense *s, double wal)
{
	s->wal_budget = wal;
}

void sense_query_every(struct sense *s, double seconds)
{
	s->query_every = seconds;
}

void sense_begin(struct sense *s)
{
	s->prepared = NULL;
}

static void replace(struct strbuf *out, const char *text, const char *const *pairs)
{
	while (*text) {
		const char *const *p = pairs;
		while (*p && strncmp(text, *p, strlen(*p)) != 0)
			p += 2;
		strbuf_add(out, *p ? p[1] : text, *p ? strlen(p[1]) : 1);
		text += *p ? strlen(*p) : 1;
	}
}

static bool prepare(struct sense *s, struct pg *db, struct err *err)
{
	int v = pg_server_version(db);
	const char *const pairs[] = {
		"@waitstart@",
		v >= 140000
			? "(SELECT min(l.waitstart) FROM pg_locks l WHERE l.pid = o.pid AND NOT l.granted)"
			: "o.query_start",
		"@slot_limit@",
		v >= 130000
			? "coalesce(nullif(kept + safe_wal_size, 0), 4 * pg_size_bytes(current_setting('max_wal_size')))"
			: "4 * pg_size_bytes(current_setting('max_wal_size'))",
		"@checkpoints@",
		v >= 170000 ? "num_requested FROM pg_stat_checkpointer"
			    : "checkpoints_req FROM pg_stat_bgwriter",
		NULL
	};
	AUTO_STRBUF struct strbuf sql = { 0 };

	if (s->prepared == db)
		return true;
	replace(&sql, sense_sql, pairs);
	s->prepared = NULL;
	/* It is asked four times a second, and planning it takes longer than the answer. */
	if (!pg_exec(db,
		     "SET statement_timeout TO 500; SET lock_timeout TO 100;"
		     " SET plan_cache_mode TO force_generic_plan",
		     err) ||
	    !pg_prepare(db, "sense", sql.data, (const uint32_t[]){ PG_TEXT_ARRAY }, 1, err) ||
	    !pg_prepare(db, "sessions", sessions_sql, NULL, 0, err) ||
	    !pg_prepare(db, "probe", s->o.probe, (const uint32_t[]){ PG_UUID }, 1, err))
		return false;
	s->prepared = db;
	s->counted_at = 0; /* what was forced while nobody of ours worked is not ours */
	s->deadlocks = -1;
	return true;
}

static void tell(struct signals *out, enum signal id, double value, double now)
{
	out->of[id] = (struct signal_value){ SIGNAL_KNOWN, value, now };
}

static void tell_unknown(struct signals *out, enum signal id)
{
	out->of[id].state = SIGNAL_UNKNOWN;
}

/* NULL is unknown, -1 does not apply. */
static void tell_column(struct signals *out, enum signal id, const struct pg_rows *r, int col,
			double now)
{
	double x = strtod(pg_text(r, 0, col), NULL);

	if (pg_is_null(r, 0, col))
		tell_unknown(out, id);
	else if (x < 0)
		out->of[id].state = SIGNAL_ABSENT;
	else
		tell(out, id, x, now);
}

static void tell_checkpoints(struct sense *s, double count, double now, struct signals *out)
{
	if (now - s->counted_at >= checkpoints_in || count < s->checkpoints || s->counted_at <= 0) {
		s->checkpoints = count;
		s->counted_at = now;
	}
	tell(out, SIGNAL_CHECKPOINT, count - s->checkpoints, now);
}

static void tell_deadlocks(struct sense *s, const struct pg_rows *r, int col, double now,
			   struct signals *out)
{
	double count = strtod(pg_text(r, 0, col), NULL);

	if (pg_is_null(r, 0, col) || count < 0) { /* not counted */
		tell_column(out, SIGNAL_DEADLOCKS, r, col, now);
		return;
	}
	if (s->deadlocks >= 0 && count > s->deadlocks) {
		s->recent += count - s->deadlocks;
		s->recent_at = now;
	}
	if (now - s->recent_at >= deadlocks_in || now < s->recent_at)
		s->recent = 0;
	s->deadlocks = count; /* less than before: somebody has reset what is counted */
	tell(out, SIGNAL_DEADLOCKS, s->recent, now);
}

/* The rate of the last second, as a share of the budget. */
static void tell_wal(struct sense *s, double bytes, double now, struct signals *out)
{
	double seconds = now - s->wal_at;

	if (s->wal_budget <= 0)
		out->of[SIGNAL_WAL].state = SIGNAL_ABSENT;
	if (seconds >= 0 && seconds < wal_span)
		return;
	if (s->wal_budget > 0 && seconds >= 0 && seconds < wal_gap)
		tell(out, SIGNAL_WAL, (bytes - s->wal) / seconds / s->wal_budget, now);
	else
		out->of[SIGNAL_WAL].at = now; /* nobody looked for a while: as it was */
	s->wal = bytes;
	s->wal_at = now;
}

/* Pulp's own work for our own requests is nobody's.  Whose it is cannot be told: while no more is
 * to be seen than they may cause, it is as it was before them. */
static void look_at_others(const struct sense *s, int64_t active, int64_t at_work, double now,
			   struct signals *out)
{
	bool asking;
	int asked = sense_slow_requests(s->slow, now - between, &asking);
	bool before = asked > 0 && (out->busy == BUSY_YES || out->busy == BUSY_VERY);

	active -= asking ? SESSIONS_EACH : 0;
	at_work -= (int64_t)asked * SESSIONS_EACH;
	out->busy = active >= VERY_BUSY ? BUSY_VERY : at_work > 0 || before ? BUSY_YES : BUSY_NO;
}

static const enum signal by_server[] = {
	SIGNAL_LOCK_WAIT,  SIGNAL_LOCK_WAITERS, SIGNAL_LAG_TIME,  SIGNAL_LAG_BYTES,
	SIGNAL_SLOT,	   SIGNAL_ARCHIVE,	SIGNAL_ARCHIVER,  SIGNAL_CHECKPOINT,
	SIGNAL_AUTOVACUUM, SIGNAL_CONNECTIONS,	SIGNAL_DEADLOCKS,
};
enum { ACTIVE, AT_WORK, FIRST, CHECKPOINTS = FIRST + 7, DEADLOCKS = FIRST + 10, WAL, LOCAL };

static bool look_at_server(struct sense *s, struct pg *db, double now, struct signals *out)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err err;

	if (!pg_alive(db) || !prepare(s, db, &err) ||
	    !pg_execute(db, "sense", (struct pg_param[]){ PG_P_TEXT(s->o.tables) }, 1, false, &r,
			&err))
		return false;
	look_at_others(s, pg_int(r, 0, ACTIVE), pg_int(r, 0, AT_WORK), now, out);
	for (int i = 0; i < (int)ARRAY_LEN(by_server); i++) {
		if (by_server[i] != SIGNAL_CHECKPOINT && by_server[i] != SIGNAL_DEADLOCKS)
			tell_column(out, by_server[i], r, FIRST + i, now);
	}
	tell_checkpoints(s, strtod(pg_text(r, 0, CHECKPOINTS), NULL), now, out);
	tell_deadlocks(s, r, DEADLOCKS, now, out);
	tell_wal(s, strtod(pg_text(r, 0, WAL), NULL), now, out);
	s->local = pg_bool(r, 0, LOCAL);
	s->server = pg_backend_pid(db);
	return true;
}

/* A number or a boolean; NULL, NaN and other words say nothing. */
static bool says_stop(const struct pg_rows *r, bool *ret)
{
	char *end;

	if (pg_is_null(r, 0, 0)) /* or there is no column */
		return false;
	const char *text = pg_text(r, 0, 0);
	double x = strtod(text, &end);
	if (strcmp(text, "t") == 0 || strcmp(text, "f") == 0) {
		*ret = *text == 't';
		return true;
	}
	*ret = x > 0;
	return end != text && !*end && !isnan(x);
}

/* Whether work has to stop; unknown when it does not say, and then it is asked again soon. */
static void ask_query(struct sense *s, struct pg *db, double now, struct signals *out)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err err;
	struct signal_value *was = &out->of[SIGNAL_QUERY];
	double every = was->state == SIGNAL_KNOWN ? s->query_every : query_again;
	bool stop;

	if (!db || !pg_alive(db)) {
		tell_unknown(out, SIGNAL_QUERY);
		return;
	}
	if (now - s->queried < every && now >= s->queried) {
		was->at = now; /* its answer still counts */
		return;
	}
	s->queried = now;
	if (pg_query(db, s->o.query, NULL, 0, &r, &err) && pg_rows_count(r) == 1 &&
	    says_stop(r, &stop))
		tell(out, SIGNAL_QUERY, stop, now);
	else
		tell_unknown(out, SIGNAL_QUERY);
}

static void share(struct signals *out, enum signal id, double before, double after, double seconds,
		  double now)
{
	if (after < 0)
		out->of[id].state = SIGNAL_ABSENT;
	else if (before >= 0 && seconds > 0)
		tell(out, id, fmax(0, after - before) / 1e6 / seconds, now);
}

static void look_at_host(struct sense *s, double now, struct signals *out)
{
	struct pressure p = pressure_read(), *was = &s->pressure;
	double full = s->local ? pressure_disk(s->server) : -1;
	double room = s->local ? pressure_room(s->server) : -1;
	double seconds = now - s->looked_at_host;

	if (isfinite(seconds)) {
		share(out, SIGNAL_CPU, was->cpu_some, p.cpu_some, seconds, now);
		share(out, SIGNAL_IO, was->io_full, p.io_full, seconds, now);
		share(out, SIGNAL_MEMORY, was->memory_full, p.memory_full, seconds, now);
	}
	if (full >= 0)
		tell(out, SIGNAL_DISK, full, now);
	/* Where the session has gone by which its disk is found, what was seen last grows old. */
	if (!s->local || s->growth <= 0)
		out->of[SIGNAL_ROOM].state = SIGNAL_ABSENT;
	else if (room >= 0)
		tell(out, SIGNAL_ROOM, s->growth / fmax(room, 1), now);
	s->pressure = p;
	s->looked_at_host = now;
}

void sense_look(struct sense *s, struct pg *db, double now, struct signals *out)
{
	if (now - s->looked >= between || now < s->looked) {
		s->looked = now;
		if (!db || !look_at_server(s, db, now, out)) {
			out->busy = BUSY_UNKNOWN;
			for (size_t i = 0; i < ARRAY_LEN(by_server); i++)
				tell_unknown(out, by_server[i]);
			if (s->wal_budget > 0)
				tell_unknown(out, SIGNAL_WAL);
		}
	}
	if ((s->local || s->o.here) &&
	    (now - s->looked_at_host >= between_host || now < s->looked_at_host))
		look_at_host(s, now, out);
	sense_slow_take(s->slow, out);
	if (s->log)
		access_log_look(s->log, s->o.met(s->o.met_arg, s->log_read), now, out);
	s->log_read = now;
	if (s->o.query)
		ask_query(s, db, now, out);
	for (size_t i = 0; i < s->o.n_others_own; i++)
		out->of[s->o.others_own[i]].state = SIGNAL_ABSENT;
}

/* Each part may have to wait for a processor, so that one alone would show a fifth of the delays.
 */
double sense_probe(struct sense *s, struct pg *db)
{
	unsigned char key[16];
	struct err err;

	if (s->prepared != db || !pg_alive(db))
		return NAN;
	bool commit = ++s->probes % EVERY_COMMIT == 0 && !s->no_messages;
	double began = clock_monotonic();
	for (int part = commit ? 1 : 0; part < PARTS; part++) {
		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = (unsigned char)random();
		if (!pg_execute(db, "probe", (struct pg_param[]){ PG_P_BIN(PG_UUID, key, 16) }, 1,
				false, NULL, &err))
			return NAN;
	}
	if (commit && !pg_exec(db, "SELECT pg_logical_emit_message(true, 'plmaint', '')", &err)) {
		s->no_messages = err.code == ERR_DENIED;
		return NAN;
	}
	return clock_monotonic() - began;
}

double sense_sessions(struct sense *s, struct pg *db)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err err;

	if (s->prepared != db || !pg_alive(db) ||
	    !pg_execute(db, "sessions", NULL, 0, false, &r, &err) || pg_int(r, 0, 1) == 0)
		return NAN;
	return (double)pg_int(r, 0, 0) / (double)pg_int(r, 0, 1);
}
