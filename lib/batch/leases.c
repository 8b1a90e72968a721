/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leases of ranges and of the coordinator's seat; leases.h says how they die. */
#include "lib/batch/leases.h"
#include "lib/core/mem.h"
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* The session that took it is gone: a kill, a crash, a closed connection. */
#define FREE(t) \
	"(" t ".token IS NULL OR " t ".lease_until < clock_timestamp() OR NOT " LEASE_HELD(t) ")"
#define HOLDER                     \
	" pid = pg_backend_pid()," \
	" backend_start = (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid()))"

const char lease_touch_sql[] =
	"UPDATE @.range SET lease_until = clock_timestamp() + make_interval(secs => $4)"
	" WHERE run = $1 AND id = $2 AND token = $3 AND NOT finished RETURNING id";

void lease_token(unsigned char out[16])
{
	size_t got = 0;

	while (got < 16) {
		ssize_t n = getrandom(out + got, 16 - got, 0);
		if (n > 0)
			got += (size_t)n;
	}
}

bool lease_claim(const struct ledger *l, struct pg *db, int64_t run, int phase, double seconds,
		 struct lease *ret, bool *got, bool *left, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL, *rest = NULL;
	struct lease lease = { .run = run };
	char run_text[24], phase_text[12], secs[32], token[37];

	lease_token(lease.token);
	uuid_format(lease.token, token);
	snprintf(run_text, sizeof(run_text), "%lld", (long long)run);
	snprintf(phase_text, sizeof(phase_text), "%d", phase);
	snprintf(secs, sizeof(secs), "%.3f", seconds);
	const struct pg_param params[] = { PG_P_TEXT(run_text), PG_P_TEXT(phase_text),
					   PG_P_TEXT(token), PG_P_TEXT(secs) };
	if (!ledger_query(
		    l, db,
		    "UPDATE @.range r SET token = $3::uuid, lease_until = clock_timestamp() + make_interval(secs => $4::float8)," HOLDER
		    " FROM (SELECT run, id, token IS NOT NULL AS adopted FROM @.range f WHERE f.run = $1::bigint"
		    " AND f.phase = $2::int AND NOT f.finished AND " FREE(
			    "f") " ORDER BY f.id LIMIT 1 FOR UPDATE SKIP LOCKED) f"
				 " WHERE r.run = f.run AND r.id = f.id RETURNING r.id, r.lo, r.hi, r.pos, f.adopted",
		    params, 4, &r, err))
		return false;
	*got = pg_rows_count(r) == 1;
	*left = true;
	if (!*got) {
		if (!ledger_query(
			    l, db,
			    "SELECT EXISTS (SELECT FROM @.range WHERE run = $1::bigint AND phase = $2::int AND NOT finished)",
			    params, 2, &rest, err))
			return false;
		*left = pg_bool(rest, 0, 0);
		return true;
	}
	lease.range = (int)pg_int(r, 0, 0);
	lease.has_pos = !pg_is_null(r, 0, 3);
	lease.adopted = pg_bool(r, 0, 4);
	if (!uuid_parse(pg_text(r, 0, 1), lease.lo) || !uuid_parse(pg_text(r, 0, 2), lease.hi) ||
	    (lease.has_pos && !uuid_parse(pg_text(r, 0, 3), lease.pos)))
		return err_set(err, ERR_BUG, "range %d of run %s has a key that is not a uuid",
			       lease.range, run_text);
	*ret = lease;
	return true;
}

bool lease_release(const struct ledger *l, struct pg *db, const struct lease *lease,
		   struct err *err)
{
	char run[24], range[12], token[37];

	uuid_format(lease->token, token);
	snprintf(run, sizeof(run), "%lld", (long long)lease->run);
	snprintf(range, sizeof(range), "%d", lease->range);
	return ledger_query(
		l, db,
		"UPDATE @.range SET token = NULL, lease_until = NULL, pid = NULL, backend_start = NULL"
		" WHERE run = $1::bigint AND id = $2::int AND token = $3::uuid",
		(struct pg_param[]){ PG_P_TEXT(run), PG_P_TEXT(range), PG_P_TEXT(token) }, 3, NULL,
		err);
}

bool lease_coordinate(const struct ledger *l, struct pg *db, int64_t run,
		      const unsigned char token[16], double seconds, bool *got, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char run_text[24], secs[32], token_text[37];

	uuid_format(token, token_text);
	snprintf(run_text, sizeof(run_text), "%lld", (long long)run);
	snprintf(secs, sizeof(secs), "%.3f", seconds);
	if (!ledger_query(
		    l, db,
		    "UPDATE @.run r SET token = $2::uuid, lease_until = clock_timestamp() + make_interval(secs => $3::float8)," HOLDER
		    " WHERE r.id = $1::bigint AND (r.token = $2::uuid OR " FREE(
			    "r") ") RETURNING r.id",
		    (struct pg_param[]){ PG_P_TEXT(run_text), PG_P_TEXT(token_text),
					 PG_P_TEXT(secs) },
		    3, &r, err))
		return false;
	*got = pg_rows_count(r) == 1;
	return true;
}
