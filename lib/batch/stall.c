/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing has been committed for long, although it may work: what the writers wait for. */
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double slow_batches =
	10; /* so many times the slowest batch of late is no batch any more */

/* Of our writers the one that waits for somebody, else the one that has been at it longest. */
static const char waits_sql[] =
	"SELECT state, wait_event_type, wait_event, (SELECT string_agg(b.pid || ' (' ||"
	" coalesce(nullif(b.application_name, ''), b.usename, 'of another role') || ')', ', ')"
	" FROM pg_stat_activity b WHERE b.pid = ANY (pg_blocking_pids(a.pid)))"
	" FROM pg_stat_activity a WHERE starts_with(application_name, 'plmaint:' || left($1, 8) || ':w')"
	" AND datname = current_database() ORDER BY cardinality(pg_blocking_pids(pid)) = 0, xact_start LIMIT 1";

static void read_why(struct run *r, char *why, size_t size)
{
	AUTO_ROWS struct pg_rows *rows = NULL;
	struct err ignored;

	if (!pg_query(r->setup->control, waits_sql,
		      (struct pg_param[]){ PG_P_TEXT(r->setup->run_id) }, 1, &rows, &ignored))
		return;
	if (pg_rows_count(rows) == 0)
		snprintf(why, size, "no writer has a session");
	else if (!pg_is_null(rows, 0, 3))
		snprintf(why, size, "it waits for a lock of session %s", pg_text(rows, 0, 3));
	else if (strcmp(pg_text(rows, 0, 0), "active") == 0)
		snprintf(why, size, "the server works on a statement of ours%s%s%s%s",
			 pg_is_null(rows, 0, 1) ? "" : ", and waits: ",
			 pg_is_null(rows, 0, 1) ? "" : pg_text(rows, 0, 1),
			 pg_is_null(rows, 0, 1) ? "" : " ",
			 pg_is_null(rows, 0, 1) ? "" : pg_text(rows, 0, 2));
	else if (!*why)
		snprintf(why, size, "the server waits for us: the storage may not answer");
}

bool run_stalled(struct run *r, char *why, size_t size)
{
	struct forecast *f = &r->forecast;
	double now = clock_monotonic();

	/* What a throttle halted does not stand still. */
	if (atomic_load(&r->duty) <= 0)
		f->moved = now;
	pthread_mutex_lock(&r->lock);
	double longest = fmax(r->setup->stall_after, slow_batches * r->worked.slowest);
	pthread_mutex_unlock(&r->lock);
	if (!r->setup->ledger.shared || now - f->moved < longest) {
		f->stalled[0] = '\0';
		return false;
	}
	char words[32];
	clock_in_words(now - f->moved, words, sizeof(words));
	/* Between two attempts it waits for nobody: what was seen last stands. */
	read_why(r, f->stalled, sizeof(f->stalled));
	snprintf(why, size, "nothing was committed for %s: %s", words, f->stalled);
	return true;
}
