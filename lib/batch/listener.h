/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Operators are heard between statements (control.h), and a statement may take minutes: a plan, a
 * count, a search.  While one lasts a session of its own listens; what is wanted cancels it, and
 * when the pause is over it is asked again.  Main thread only.
 */
#pragma once
#include "lib/batch/control.h"

struct listener {
	const char *conninfo, *run_id; /* of the program; borrowed */
	const struct reporter *reporter;
	const char *brake_file; /* as in struct control */
	/* It says that it is at work, so that operators wait for it: once it is, or where a run is
	 * open.  One who only looks does not, and a pause that stood before he came is none of his.
	 */
	bool joins, at_work;
	bool alone; /* there is no shared ledger, nor can be: only this host is heard */

	struct pg *db; /* NULL: nothing has lasted yet */
	double retry;  /* monotonic time before which no other attempt is made */
	struct ledger ledger;
	struct control steer;
	char before[192]; /* the pause that stood before; "": none */
	bool overheard;	  /* before is known */
	bool joined;	  /* it has said so */
};

/* Between the two db's statements are cancelled when a pause or a stop is wanted, and fail with
 * ERR_HELD.  NULL: none is. */
void listener_begin(struct listener *l, struct pg *db);
void listener_end(struct listener *l, struct pg *db);
/* Whether one is wanted, for pg_heed; whether a stop is. */
bool listener_hears(void *listener);
bool listener_hears_stop(void *listener);
/* Whether one may not go on now, and why, in words (size: 256 hold them). */
bool listener_paused(struct listener *l, char *why, size_t size);
/* Whether a pause is seen to be over; who cannot look has not seen it. */
bool listener_hears_resume(struct listener *l);
/* Waits for the end of the pause and tells so.  False: a stop is wanted. */
bool listener_hold(struct listener *l, const char *label) MUST_CHECK;
/* Its session is closed until it is needed again. */
void listener_rest(struct listener *l);
