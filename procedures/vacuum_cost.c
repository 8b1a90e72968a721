/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of another size takes as many times more as is thought of both. */
#include "procedures/vacuum_cost.h"
#include "lib/batch/calibration.h"
#include "lib/batch/knobs.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/pace/controller.h"
#include "procedures/procedures.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Seconds of any vacuum, of a manifest, and of a row that ANALYZE samples: of manifests, and of
 * their artifacts, of which an ordinary one has two.  Measured on PostgreSQL 15 with 20,000 to
 * 100,000 images on an idle machine. */
static const double least = 0.01, each = 9.5e-6, sampled_each = 6.5e-6, artifact_each = 17e-6;
/* How much of a host's slowness, as a power, a vacuum shares: a load passes, a cold disk is warm by
 * then.  Of eight runs with rows 2.5 to 7 times slower the vacuums were 1.2 to 6.5 times, of
 * thirteen with rows 0.6 to 1.05 times they were 0.78 to 0.99 times.  No host is much quicker. */
static const double share = 2.0 / 3, least_slower = 0.5;
enum { LOOK_BACK = 5, ROWS_OF_TARGET = 300, USUAL_TARGET = 100 };

/*
 * What the server counts of a manifest, its links and its artifacts, in its own units of cost: for
 * all of its pages, and for those that the vacuum makes dirty, at 20 each, where a checkpoint or a
 * lack of room has written them since the run did.  Measured on PostgreSQL 15 by the time that the
 * rests took: with 150,000 images and no checkpoint 4.3, with 20,000 and all of it written 24, with
 * 75,000 of many layers 5.1 and 31.
 */
static const double cost_each = 4.3, written_each = 20;
/* Bytes that a manifest's rows put into the log, bytes of its pages, and seconds that it takes. */
static const double wal_each = 9000, pages_each = 6000, row_each = 120e-6;
static const char resting[] = "resting"; /* the stratum of those that rested, in the ledger */

/* As an operator has tuned it, else as the configuration says. */
static enum profile profile_now(const struct actor *a, struct pg *db)
{
	const struct ledger l = { .schema = "plmaint", .shared = true };
	const char *word = config_get(a->look->config, "pre-migrate.profile");
	enum profile p = PROFILE_DEFAULT;
	struct knobs knobs;
	struct err ignored;
	bool any, copy;

	for (int i = 0; profile_names[i]; i++)
		if (strcmp(word, profile_names[i]) == 0)
			p = (enum profile)i;
	if (ledger_has(db, "knob", &any, &ignored) && any && ledger_is_copy(db, &copy, &ignored) &&
	    !copy && knobs_read(&l, db, INT64_MAX, &knobs, &ignored) &&
	    !isnan(knobs.value[KNOB_profile]))
		p = (enum profile)knobs.value[KNOB_profile];
	return p;
}

bool vacuum_rests(const struct actor *a, struct pg *db, const struct pulp_schema *s)
{
	struct pulp_services online;
	struct err ignored;

	return profile_now(a, db) < PROFILE_FAST &&
	       (!s || !pulp_services_online(db, s, &a->look->place, &online, &ignored) ||
		online.api + online.content + online.workers > 0);
}

/* Name and value of each setting; where autovacuum has none of its own it has the session's. */
#define AUTOVACUUMS_OWN                                                                        \
	"SELECT n, coalesce((SELECT setting FROM pg_settings WHERE name = 'autovacuum_' || n"  \
	" AND setting::float8 >= 0), (SELECT reset_val FROM pg_settings WHERE name = n)) AS v" \
	" FROM unnest('{vacuum_cost_delay,vacuum_cost_limit}'::text[]) AS n"

/* Workers that share a vacuum's indexes (13 and later) rest each for its own part alone, so that
 * more of them do more in a second: autovacuum has none. */
bool vacuum_pace(struct pg *db, bool rests, struct err *err)
{
	return pg_exec(
		db,
		rests ? "SELECT set_config(n, v, false) FROM (" AUTOVACUUMS_OWN
			" UNION ALL VALUES ('max_parallel_maintenance_workers', '0')) AS own"
		      : "SET vacuum_cost_delay TO 0; SET max_parallel_maintenance_workers TO DEFAULT",
		err);
}

/* Seconds for each unit of cost. */
static double rest_each(struct pg *db)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(
		    db,
		    "SELECT 0.001 * max(v::float8) FILTER (WHERE n = 'vacuum_cost_delay') /"
		    " max(v::float8) FILTER (WHERE n = 'vacuum_cost_limit') FROM (" AUTOVACUUMS_OWN
		    ") AS own",
		    NULL, 0, &r, &ignored))
		return 0;
	return strtod(pg_text(r, 0, 0), NULL);
}

/*
 * Of the pages that work of so many intervals between checkpoints makes dirty, evenly, the share
 * that checkpoints have written at its end.  next: until the first of them; each writes what it
 * finds over so much of the interval.
 */
static double written_by_checkpoints(double intervals, double next, double spread)
{
	double written = 0, from = 0, work = fmin(intervals, 100);

	int checkpoints = work > next ? (int)ceil(work - next) : 0;

	for (int i = 0; i < checkpoints; i++) {
		double at = next + i;

		written += (at - from) * fmin(1, (work - at) / fmax(spread, 0.01));
		from = at;
	}
	return work > 0 ? written / work : 0;
}

/* Of the pages that a run makes dirty, the share that is written before its end, by checkpoints or
 * for lack of room.  If it began now: where checkpoints come is asked. */
static double written_share(struct pg *db, double manifests)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(
		    db,
		    "SELECT s.wal, s.seconds, s.spread, s.room, CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
		    " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), c.redo_lsn) END / s.wal,"
		    " extract(epoch FROM clock_timestamp() - c.checkpoint_time) / s.seconds"
		    " FROM pg_control_checkpoint() c, (SELECT current_setting('checkpoint_completion_target')::float8 AS spread,"
		    " pg_size_bytes(current_setting('max_wal_size')) / (1 + current_setting('checkpoint_completion_target')::float8) AS wal,"
		    " extract(epoch FROM current_setting('checkpoint_timeout')::interval)::float8 AS seconds,"
		    " pg_size_bytes(current_setting('shared_buffers'))::float8 AS room) s",
		    NULL, 0, &r, &ignored))
		return 1;
	double v[6];
	for (int i = 0; i < 6; i++)
		v[i] = strtod(pg_text(r, 0, i), NULL);
	double by_checkpoints = written_by_checkpoints(
		fmax(manifests * wal_each / v[0], manifests * row_each / v[1]),
		fmax(1 - fmax(v[4], v[5]), 0), v[2]);
	return fmax(by_checkpoints, 1 - fmin(v[3] / fmax(manifests * pages_each, 1), 1));
}

/* Seconds that a manifest makes it rest. */
static double rest_of(struct pg *db, double manifests)
{
	return rest_each(db) * (cost_each + written_each * written_share(db, manifests));
}

static double thought(double manifests, double sample)
{
	return least + each * manifests + sampled_each * fmin(manifests, sample) +
	       artifact_each * fmin(2 * manifests, sample);
}

/* Rows that ANALYZE looks at. */
static double sample_of(struct pg *db)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(db, "SELECT current_setting('default_statistics_target')::bigint", NULL, 0,
		      &r, &ignored))
		return ROWS_OF_TARGET * USUAL_TARGET;
	return ROWS_OF_TARGET * (double)pg_int(r, 0, 0);
}

struct vacuum_cost vacuum_cost_recall(struct pg *db, double manifests, bool rests)
{
	AUTO_CALIBRATIONS struct calibrations c = { 0 };
	double slower = 0, n = 0, sample = sample_of(db);
	struct err ignored;

	if (calibration_read(db, procedure_pulp_manifests_vacuum.label, "run", LOOK_BACK, &c,
			     &ignored))
		for (size_t i = 0; i < c.n; i++)
			if (c.item[i].actual > 0 && c.item[i].rows >= 0 &&
			    (strcmp(c.item[i].stratum, resting) == 0) == rests) {
				double rows = (double)c.item[i].rows;
				double rest = rests ? rows * rest_of(db, rows) : 0;
				slower += log(c.item[i].actual / (thought(rows, sample) + rest));
				n++;
			}
	double all = exp(n > 0 ? slower / n : 0);
	double rest = rests ? manifests * rest_of(db, manifests) : 0;
	return (struct vacuum_cost){ all * thought(manifests, sample), all * rest, n > 0 };
}

double vacuum_cost_here(const struct vacuum_cost *v, double slower)
{
	return v->seconds * (v->seen || slower <= 0 ? 1 : pow(fmax(slower, least_slower), share));
}

/* Manifests, as the vacuum has just counted them; -1 when it passed over the table, which somebody
 * held. */
static bool count(struct pg *db, double seconds, int64_t *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char since[32];

	/* A busy server answers late, and nobody else vacuums by hand just before us. */
	snprintf(since, sizeof(since), "%.6f", seconds + 1);
	if (!pg_query(
		    db,
		    "SELECT greatest(c.reltuples, 0)::bigint, s.last_vacuum >= clock_timestamp() - make_interval(secs => $1::float8)"
		    " FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.oid = 'container_manifest'::regclass",
		    (struct pg_param[]){ PG_P_TEXT(since) }, 1, &r, err))
		return false;
	*ret = pg_rows_count(r) == 1 && pg_bool(r, 0, 1) ? pg_int(r, 0, 0) : -1;
	return true;
}

static void keep_trace(const struct actor *a, int64_t manifests, double seconds)
{
	const char *path = config_get(a->look->config, "pre-migrate.trace");
	FILE *f = path ? fopen(path, "ae") : NULL;

	if (!f)
		return;
	fprintf(f, "%.3f %lld 0 %.6g vacuum\n", clock_monotonic(), (long long)manifests, seconds);
	(void)fclose(f);
}

static bool keep(struct pg *db, int64_t manifests, double seconds, bool rests, struct err *err)
{
	struct calibration c = calibration_about(procedure_pulp_manifests_vacuum.label, "run");
	struct ledger l;
	bool any;

	if (!ledger_exists(db, &any, err) || (any && !ledger_join(db, &l, err)))
		return false;
	c.stratum = rests ? resting : "";
	c.rows = manifests;
	c.actual = c.seconds = seconds;
	c.duty = 1;
	return !any || calibration_write(&l, db, &c, 1, err);
}

void vacuum_cost_keep(const struct actor *a, struct pg *db, double seconds, bool rests)
{
	struct err why = { 0 };
	int64_t manifests;

	if (!count(db, seconds, &manifests, &why) ||
	    (manifests >= 0 && !keep(db, manifests, seconds, rests, &why)))
		log_verbose("what the vacuum took is not kept: %s", why.text);
	else if (manifests >= 0 && !rests)
		keep_trace(a, manifests, seconds);
}
