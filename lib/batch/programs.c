/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is at work: rows of @.program whose sessions live, and listeners (listener.h) without one.  A
 * listener may be cut off, or between two sessions: whoever was known stays so while any session of
 * its lives. */
#include "lib/batch/programs.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char alive_sql[] =
	"SELECT coalesce(p.invocation, a.id), coalesce(p.host, ''), coalesce(p.pid, 0), coalesce(p.state, ''),"
	" coalesce(p.reason, ''), coalesce(p.progress, ''), a.busy, p.invocation IS NOT NULL"
	" FROM (SELECT split_part(application_name, ':', 2) AS id, bool_or(xact_start IS NOT NULL) AS busy,"
	" bool_or(application_name LIKE '%:listener') AS listens FROM pg_stat_activity"
	" WHERE datname = current_database() AND application_name LIKE 'plmaint:%' GROUP BY 1) a"
	" LEFT JOIN plmaint.program p ON left(p.invocation, 8) = a.id"
	" WHERE p.invocation IS NOT NULL OR a.listens OR a.id = ANY(string_to_array($1, ','))"
	" ORDER BY p.beat DESC NULLS LAST, 1";

bool programs_read(struct pg *db, const struct programs *known, struct programs *ret,
		   struct err *err)
{
	AUTO_STRBUF struct strbuf ids = { 0 };
	bool any;

	/* A name of a session may hold anything, so they are no array literal. */
	for (size_t i = 0; known && i < known->n; i++)
		strbuf_addf(&ids, ",%.8s", known->item[i].invocation);
	*ret = (struct programs){ 0 };
	if (!ledger_has(db, "program", &any, err) ||
	    (any &&
	     !pg_query(db, alive_sql, (struct pg_param[]){ PG_P_TEXT(ids.len ? ids.data + 1 : "") },
		       1, &ret->rows, err)))
		return false;
	ret->n = any ? pg_rows_count(ret->rows) : 0;
	ret->item = xcalloc(ret->n + 1, sizeof(*ret->item));
	for (size_t i = 0; i < ret->n; i++) {
		const char *state = pg_text(ret->rows, i, 3);
		ret->item[i] =
			(struct program){ .invocation = pg_text(ret->rows, i, 0),
					  .host = pg_text(ret->rows, i, 1),
					  .pid = (int)pg_int(ret->rows, i, 2),
					  .state = strcmp(state, "working") == 0 ? PROGRAM_WORKING
						   : strcmp(state, "held") == 0	 ? PROGRAM_HELD
										 : PROGRAM_BETWEEN,
					  .reason = pg_text(ret->rows, i, 4),
					  .progress = pg_text(ret->rows, i, 5),
					  .busy = pg_bool(ret->rows, i, 6),
					  .joined = pg_bool(ret->rows, i, 7) };
	}
	return true;
}

void programs_release(struct programs *p)
{
	free(p->item);
	pg_rows_free(p->rows);
	*p = (struct programs){ 0 };
}

bool program_end(struct pg *db, const char *invocation, int status, struct err *err)
{
	char text[12];
	bool any;

	snprintf(text, sizeof(text), "%d", status);
	return ledger_has(db, "program", &any, err) &&
	       (!any || pg_query(db,
				 "UPDATE plmaint.program SET state = 'ended', reason = $2,"
				 " beat = clock_timestamp() WHERE invocation = $1",
				 (struct pg_param[]){ PG_P_TEXT(invocation), PG_P_TEXT(text) }, 2,
				 NULL, err));
}

bool programs_ended(struct pg *db, const char *since, bool *any, int *worst, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	bool kept;

	*any = false;
	*worst = EXIT_DONE;
	if (!ledger_has(db, "program", &kept, err))
		return false;
	if (!kept)
		return true;
	if (!pg_query(db,
		      "SELECT reason::int FROM plmaint.program WHERE state = 'ended'"
		      " AND reason ~ '^[0-9]{1,3}$' AND beat >= $1::timestamptz",
		      (struct pg_param[]){ PG_P_TEXT(since) }, 1, &r, err))
		return false;
	*any = pg_rows_count(r) > 0;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		*worst = exit_worse(*worst, (int)pg_int(r, i, 0));
	return true;
}
