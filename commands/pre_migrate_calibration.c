/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `pre-migrate calibration`: how well earlier runs on this database were foretold. */
#include "commands/pre_migrate.h"

#include "lib/batch/ledger.h"
#include "lib/drivers/probe.h"
#include <stdio.h>
#include <stdlib.h>

/* By host, procedure and place on the way; an estimate stands before its beginning. */
static const char record_sql[] =
	"SELECT host, job, way, count(*), avg(abs(off))::float8, avg(off)::float8, avg((actual BETWEEN p10 AND p90)::int)::float8"
	" FROM (SELECT host, job, p10, p90, actual, p50 / actual - 1 AS off, CASE WHEN what = 'estimate' THEN 0"
	" WHEN share < 0.175 THEN 10 WHEN share < 0.375 THEN 25 WHEN share < 0.625 THEN 50 ELSE 75 END AS way"
	" FROM plmaint.calibration WHERE what IN ('estimate', 'eta') AND phase = '' AND actual > 0 AND p10 >= 0 AND p50 >= 0 AND p90 >= 0"
	" AND actual < 1e9 AND p50 < 1e9 AND p90 < 1e9) c GROUP BY host, job, way ORDER BY host, job, way";

static void tell(struct session *s, const struct pg_rows *r, size_t i, struct strbuf *out)
{
	int64_t way = pg_int(r, i, 2);
	double error = strtod(pg_text(r, i, 4), NULL), bias = strtod(pg_text(r, i, 5), NULL);
	double held = strtod(pg_text(r, i, 6), NULL);
	char moment[32] = "before the run";

	if (way > 0)
		snprintf(moment, sizeof(moment), "at %lld %%", (long long)way);
	EMIT(s->reporter, "calibration", F_TEXT("host", pg_text(r, i, 0)),
	     F_TEXT("label", pg_text(r, i, 1)), F_REAL("share", (double)way / 100),
	     F_INT("runs", pg_int(r, i, 3)), F_REAL("error", error), F_REAL("bias", bias),
	     F_REAL("held", held));
	strbuf_addf(out, "%-24s %-24s %-15s %4lld  %5.1f %%  %+6.1f %%  %3.0f %%\n",
		    pg_text(r, i, 0), pg_text(r, i, 1), moment, (long long)pg_int(r, i, 3),
		    100 * error, 100 * bias, 100 * held);
}

bool pre_migrate_calibration(struct session *s, const void *options, int *exit_status,
			     struct err *err)
{
	AUTO_STRBUF struct strbuf out = { 0 };
	AUTO_ROWS struct pg_rows *r = NULL;
	bool any;

	(void)options;
	(void)exit_status;
	if (!ledger_has(s->probe->db, "calibration", &any, err) ||
	    (any && !pg_query(s->probe->db, record_sql, NULL, 0, &r, err)))
		return false;
	size_t n = r ? pg_rows_count(r) : 0;
	if (n == 0)
		strbuf_adds(&out, "no run that was foretold has ended yet\n");
	else
		strbuf_addf(&out, "%-24s %-24s %-15s runs  off by   bias      P10 to P90 held\n",
			    "host", "procedure", "foretold");
	for (size_t i = 0; i < n; i++)
		tell(s, r, i, &out);
	s->reporter->print(s->reporter->self, out.data);
	return true;
}
