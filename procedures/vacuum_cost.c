/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table of another size takes as many times more as is thought of both. */
#include "procedures/vacuum_cost.h"
#include "lib/batch/calibration.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "procedures/procedures.h"
#include <math.h>
#include <stdio.h>

/* Seconds of any vacuum, of a manifest, and of a row that ANALYZE samples: of manifests, and of
 * their artifacts, of which an ordinary one has two.  Measured on PostgreSQL 15 with 20,000 to
 * 100,000 images on an idle machine. */
static const double least = 0.01, each = 9.5e-6, sampled_each = 6.5e-6, artifact_each = 17e-6;
/* How much of a host's slowness, as a power, a vacuum shares: a load passes, a cold disk is warm by
 * then.  Of eight runs with rows 2.5 to 7 times slower the vacuums were 1.2 to 6.5 times. */
static const double share = 2.0 / 3;
enum { LOOK_BACK = 5, ROWS_OF_TARGET = 300, USUAL_TARGET = 100 };

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

struct vacuum_cost vacuum_cost_recall(struct pg *db, double manifests)
{
	AUTO_CALIBRATIONS struct calibrations c = { 0 };
	double slower = 0, n = 0, sample = sample_of(db);
	struct err ignored;

	if (calibration_read(db, procedure_pulp_manifests_vacuum.label, "run", LOOK_BACK, &c,
			     &ignored))
		for (size_t i = 0; i < c.n; i++)
			if (c.item[i].actual > 0 && c.item[i].rows >= 0) {
				slower += log(c.item[i].actual /
					      thought((double)c.item[i].rows, sample));
				n++;
			}
	return (struct vacuum_cost){ thought(manifests, sample) * exp(n > 0 ? slower / n : 0),
				     n > 0 };
}

double vacuum_cost_here(const struct vacuum_cost *v, double slower)
{
	return v->seconds * (v->seen ? 1 : pow(fmax(slower, 1), share));
}

/* Manifests, as the vacuum has just counted them; -1 when it passed over the table, which somebody
 * held. */
static bool count(struct pg *db, double seconds, int64_t *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char since[32];

	snprintf(since, sizeof(since), "%.6f", seconds + 0.1);
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

static bool keep(struct pg *db, int64_t manifests, double seconds, struct err *err)
{
	struct calibration c = calibration_about(procedure_pulp_manifests_vacuum.label, "run");
	struct ledger l;
	bool any;

	if (!ledger_exists(db, &any, err) || (any && !ledger_join(db, &l, err)))
		return false;
	c.rows = manifests;
	c.actual = c.seconds = seconds;
	c.duty = 1;
	return !any || calibration_write(&l, db, &c, 1, err);
}

void vacuum_cost_keep(const struct actor *a, struct pg *db, double seconds)
{
	struct err why = { 0 };
	int64_t manifests;

	if (!count(db, seconds, &manifests, &why) ||
	    (manifests >= 0 && !keep(db, manifests, seconds, &why)))
		log_verbose("what the vacuum took is not kept: %s", why.text);
	else if (manifests >= 0)
		keep_trace(a, manifests, seconds);
}
