/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cuts what is pending into ranges by count, not by key distance: old keys are random (UUIDv4),
 * newer ones are ordered by time (UUIDv7), and a range should be about equally long work.  All
 * ranges of a plan are of one size, and as many as a multiple of the writers, so that these end
 * together; never smaller than a batch.
 */
#include "lib/batch/run.h"
#include "lib/core/mem.h"
#include <stdio.h>

bool run_pending(const struct batch_phase *phase, const struct ledger *l, struct pg *db, bool *any,
		 struct err *err)
{
	AUTO_FREE char *sql = xasprintf("SELECT EXISTS (%s)", phase->pending_sql);
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!ledger_query(l, db, sql, NULL, 0, &r, err))
		return false;
	*any = pg_bool(r, 0, 0);
	return true;
}

/* How large the rows of each range are, from some at its beginning: a join for all of them would
 * cost more than the rest of the plan. */
static bool sample_sizes(struct run *r, struct pg *db, const char *run, const char *phase,
			 const char *sweep, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"UPDATE @.range r SET size = total * (%s) WHERE run = $1::bigint AND phase = $2::int AND sweep = $3::int",
		r->phase->sample_sql);

	return pg_exec(db, "SET LOCAL enable_nestloop TO on", err) &&
	       ledger_query(
		       &r->setup->ledger, db, sql,
		       (struct pg_param[]){ PG_P_TEXT(run), PG_P_TEXT(phase), PG_P_TEXT(sweep) }, 3,
		       NULL, err);
}

bool run_plan(struct run *r, struct pg *db, int sweep, int64_t *rows, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"WITH cut AS (INSERT INTO @.range (run, id, phase, sweep, lo, hi, total)"
		" SELECT $1::bigint, (SELECT coalesce(max(id) + 1, 0) FROM @.range WHERE run = $1::bigint) + rn / size,"
		" $2::int, $6::int, (array_agg(key ORDER BY rn))[1], (array_agg(key ORDER BY rn DESC))[1], max(rn) - min(rn) + 1"
		" FROM (SELECT key, rn, n, greatest($5::bigint,"
		" ceil(n / (ceil(ceil(n::float8 / $3::int) / $4::int) * $4::int))::bigint) AS size"
		" FROM (SELECT key, row_number() OVER (ORDER BY key) - 1 AS rn, count(*) OVER () AS n FROM (%s) AS pending) AS numbered)"
		" AS sized WHERE rn %% size IN (0, size - 1) OR rn = n - 1 GROUP BY rn / size, size RETURNING total)"
		" SELECT coalesce(sum(total), 0) FROM cut",
		r->phase->pending_sql);
	AUTO_ROWS struct pg_rows *counted = NULL;
	char run[24], phase[12], most[12], parts[12], least[12], again[12];

	snprintf(run, sizeof(run), "%lld", (long long)r->id);
	snprintf(phase, sizeof(phase), "%d", r->phase_index);
	snprintf(most, sizeof(most), "%d", r->phase->range_rows);
	snprintf(parts, sizeof(parts), "%d", r->setup->ledger.shared ? r->setup->writers : 1);
	snprintf(least, sizeof(least), "%d", r->phase->batch_rows);
	snprintf(again, sizeof(again), "%d", sweep);
	if (!ledger_query(&r->setup->ledger, db, sql,
			  (struct pg_param[]){ PG_P_TEXT(run), PG_P_TEXT(phase), PG_P_TEXT(most),
					       PG_P_TEXT(parts), PG_P_TEXT(least),
					       PG_P_TEXT(again) },
			  6, &counted, err))
		return err_wrap(err, "while planning %s", r->phase->name);
	*rows = pg_int(counted, 0, 0);
	return !r->phase->sample_sql || sample_sizes(r, db, run, phase, again, err);
}
