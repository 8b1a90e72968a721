/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cuts what is pending into ranges by count, not by key distance: old keys are random (UUIDv4),
 * newer ones are ordered by time (UUIDv7), and a range should be about equally long work.
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

bool run_plan(struct run *r, struct pg *db, int64_t *rows, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"WITH cut AS (INSERT INTO @.range (run, id, phase, lo, hi, total)"
		" SELECT $1::bigint, (SELECT coalesce(max(id) + 1, 0) FROM @.range WHERE run = $1::bigint) + rn / $3::int,"
		" $2::int, key, coalesce(hi, last), least($3::bigint, n - rn) FROM ("
		" SELECT key, row_number() OVER w - 1 AS rn, lead(key, $3::int - 1) OVER w AS hi, count(*) OVER () AS n,"
		" last_value(key) OVER (ORDER BY key ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS last"
		" FROM (%s) AS pending WINDOW w AS (ORDER BY key)) AS numbered WHERE rn %% $3::int = 0 RETURNING total)"
		" SELECT coalesce(sum(total), 0) FROM cut",
		r->phase->pending_sql);
	AUTO_ROWS struct pg_rows *counted = NULL;
	char run[24], phase[12], size[12];

	snprintf(run, sizeof(run), "%lld", (long long)r->id);
	snprintf(phase, sizeof(phase), "%d", r->phase_index);
	snprintf(size, sizeof(size), "%d", r->phase->range_rows);
	if (!ledger_query(&r->setup->ledger, db, sql,
			  (struct pg_param[]){ PG_P_TEXT(run), PG_P_TEXT(phase), PG_P_TEXT(size) },
			  3, &counted, err))
		return err_wrap(err, "while planning %s", r->phase->name);
	*rows = pg_int(counted, 0, 0);
	return true;
}
