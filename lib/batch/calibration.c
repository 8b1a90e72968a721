/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads and writes entries; calibration.h says what they are. */
#include "lib/batch/calibration.h"
#include "lib/core/mem.h"
#include "lib/core/version.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEPT = 20000 }; /* entries; a run writes some dozens */

struct calibration calibration_about(const char *job, const char *what)
{
	return (struct calibration){ .job = job,
				     .what = what,
				     .phase = "",
				     .stratum = "",
				     .at = "",
				     .share = NAN,
				     .p10 = NAN,
				     .p50 = NAN,
				     .p90 = NAN,
				     .actual = NAN,
				     .rows = -1,
				     .bytes = -1,
				     .seconds = NAN,
				     .duty = NAN };
}

static void this_host(char out[256])
{
	out[0] = out[255] = '\0';
	(void)gethostname(out, 255);
}

struct text {
	char s[32];
};

/* NULL, which is SQL's, where it is unknown. */
static const char *real_text(double v, struct text *t)
{
	if (!isfinite(v))
		return NULL;
	snprintf(t->s, sizeof(t->s), "%.9g", v);
	return t->s;
}

static const char *count_text(int64_t v, struct text *t)
{
	if (v < 0)
		return NULL;
	snprintf(t->s, sizeof(t->s), "%lld", (long long)v);
	return t->s;
}

static bool write_one(const struct ledger *l, struct pg *db, const char *host,
		      const struct calibration *c, struct err *err)
{
	struct text t[10];
	const struct pg_param p[] = { PG_P_TEXT(count_text(c->run, &t[0])),
				      PG_P_TEXT(c->job),
				      PG_P_TEXT(host),
				      PG_P_TEXT(c->what),
				      PG_P_TEXT(c->phase),
				      PG_P_TEXT(c->stratum),
				      PG_P_TEXT(real_text(c->share, &t[1])),
				      PG_P_TEXT(real_text(c->p10, &t[2])),
				      PG_P_TEXT(real_text(c->p50, &t[3])),
				      PG_P_TEXT(real_text(c->p90, &t[4])),
				      PG_P_TEXT(real_text(c->actual, &t[5])),
				      PG_P_TEXT(count_text(c->rows, &t[6])),
				      PG_P_TEXT(count_text(c->bytes, &t[7])),
				      PG_P_TEXT(real_text(c->seconds, &t[8])),
				      PG_P_TEXT(real_text(c->duty, &t[9])) };

	return ledger_query(
		l, db,
		"INSERT INTO @.calibration (run, job, host, version, what, phase, stratum, share, p10, p50, p90,"
		" actual, rows, bytes, seconds, duty) VALUES ($1::bigint, $2, $3, '" PLMAINT_VERSION
		"', $4, $5, $6,"
		" $7::real, $8::float8, $9::float8, $10::float8, $11::float8, $12::bigint, $13::bigint, $14::float8, $15::float8)",
		p, ARRAY_LEN(p), NULL, err);
}

bool calibration_write(const struct ledger *l, struct pg *db, const struct calibration *c, size_t n,
		       struct err *err)
{
	AUTO_FREE char *prune = xasprintf(
		"DELETE FROM @.calibration WHERE id <= (SELECT max(id) FROM @.calibration) - %d",
		KEPT);
	char host[256];

	this_host(host);
	for (size_t i = 0; i < n; i++) {
		if (!write_one(l, db, host, &c[i], err))
			return err_wrap(err, "while recording how long it took");
	}
	return ledger_query(l, db, prune, NULL, 0, NULL, err) ||
	       err_wrap(err, "while recording how long it took");
}

/* A number that is not below 0; what Pulp's role may have written is not taken on trust. */
static double real_at(const struct pg_rows *r, size_t i, int col)
{
	if (pg_is_null(r, i, col))
		return NAN;
	double v = strtod(pg_text(r, i, col), NULL);
	return isfinite(v) && v >= 0 ? v : NAN;
}

static int64_t count_at(const struct pg_rows *r, size_t i, int col)
{
	int64_t v = pg_is_null(r, i, col) ? -1 : pg_int(r, i, col);

	return v >= 0 ? v : -1;
}

bool calibration_read(struct pg *db, const char *job, const char *what, size_t most,
		      struct calibrations *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char host[256], limit[24];
	bool any;

	*ret = (struct calibrations){ 0 };
	if (!ledger_has(db, "calibration", &any, err))
		return false;
	if (!any)
		return true;
	this_host(host);
	snprintf(limit, sizeof(limit), "%zu", most);
	if (!pg_query(
		    db,
		    "SELECT run, job, what, phase, stratum, share, p10, p50, p90, actual, rows, bytes, seconds, duty,"
		    " to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
		    " FROM plmaint.calibration WHERE host = $1 AND ($2::text IS NULL OR job = $2)"
		    " AND ($3::text IS NULL OR what = $3) ORDER BY id DESC LIMIT $4::bigint",
		    (struct pg_param[]){ PG_P_TEXT(host), PG_P_TEXT(job), PG_P_TEXT(what),
					 PG_P_TEXT(limit) },
		    4, &r, err))
		return err_wrap(err, "while reading how long earlier runs took");
	ret->n = pg_rows_count(r);
	ret->item = xcalloc(ret->n + 1, sizeof(*ret->item));
	for (size_t i = 0; i < ret->n; i++) {
		double share = real_at(r, i, 5), duty = real_at(r, i, 13);
		ret->item[i] = (struct calibration){ .run = count_at(r, i, 0),
						     .job = pg_text(r, i, 1),
						     .what = pg_text(r, i, 2),
						     .phase = pg_text(r, i, 3),
						     .stratum = pg_text(r, i, 4),
						     .at = pg_text(r, i, 14),
						     .share = share <= 1 ? share : NAN,
						     .p10 = real_at(r, i, 6),
						     .p50 = real_at(r, i, 7),
						     .p90 = real_at(r, i, 8),
						     .actual = real_at(r, i, 9),
						     .rows = count_at(r, i, 10),
						     .bytes = count_at(r, i, 11),
						     .seconds = real_at(r, i, 12),
						     .duty = duty <= 1 ? duty : NAN };
	}
	ret->rows = TAKE(r);
	return true;
}

void calibrations_release(struct calibrations *c)
{
	free(c->item);
	pg_rows_free(c->rows);
	*c = (struct calibrations){ 0 };
}
