/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who works on what.  A range is leased with a random token, until a time on the server's clock;
 * the lease also dies with the database session that took it (pid and backend start), so that a
 * killed worker's range is free at once.  Every batch transaction begins by touching its range
 * WHERE token = mine: a slow holder whose range was adopted changes nothing.
 */
#pragma once
#include "lib/batch/ledger.h"

struct lease {
	int64_t run;
	int range;
	unsigned char token[16];
	unsigned char pos[16],
		hi[16]; /* keys > pos and <= hi are left; pos is the key before lo at first */
	bool has_pos;
	unsigned char lo[16];
	bool adopted; /* somebody else had begun it */
};

/*
 * SQL: whether the session that took the lease of row t is there; its number alone may be another's
 * by now.  (backend_start of another role's session is hidden: then the number must do.)  The
 * function below pg_stat_activity, whose names of roles and databases take longer to plan than all
 * the rest.
 */
#define LEASE_HELD(t)                                                                   \
	"EXISTS (SELECT FROM pg_stat_get_activity(" t ".pid) s WHERE s.pid = " t ".pid" \
	" AND (s.backend_start IS NULL OR s.backend_start = " t ".backend_start))"

/* Takes a free, expired or orphaned range of the run's phase.  *got is false when none can be had
 * now; *left tells whether unfinished ranges remain (held by others). */
bool lease_claim(const struct ledger *l, struct pg *db, int64_t run, int phase, double seconds,
		 struct lease *ret, bool *got, bool *left, struct err *err) MUST_CHECK;
/* Text of the statement that opens a batch: $1 run, $2 range, $3 token, $4 seconds; one row when
 * the lease still holds. */
extern const char lease_touch_sql[];
/* Gives back all leases with this token's holder (a clean stop). */
bool lease_release(const struct ledger *l, struct pg *db, const struct lease *lease,
		   struct err *err) MUST_CHECK;

/* The coordinator of a run plans, changes phases and ends it.  *got is false while another one
 * lives. */
bool lease_coordinate(const struct ledger *l, struct pg *db, int64_t run,
		      const unsigned char token[16], double seconds, bool *got,
		      struct err *err) MUST_CHECK;
void lease_token(unsigned char out[16]); /* from the kernel's random source */
