/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The run as the ledger has it: opened, joined, looked at. */
#include "lib/batch/run.h"
#include "lib/core/mem.h"
#include "lib/core/version.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void run_state_release(struct run_state *s)
{
	free(s->options);
	s->options = NULL;
}

static bool read_state(const struct batch_setup *setup, const char *sql, const struct pg_param *p,
		       struct run_state *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!ledger_query(&setup->ledger, setup->control, sql, p, 1, &r, err))
		return false;
	run_state_release(ret);
	*ret = (struct run_state){ 0 };
	if (pg_rows_count(r) == 0)
		return true;
	ret->id = pg_int(r, 0, 0);
	ret->phase = (int)pg_int(r, 0, 1);
	ret->sweep = (int)pg_int(r, 0, 2);
	ret->planned = pg_bool(r, 0, 3);
	ret->open = pg_bool(r, 0, 4);
	ret->options = xstrdup(pg_text(r, 0, 5));
	return true;
}
#define STATE_COLUMNS "SELECT id, phase, sweep, planned, state = 'open', options FROM @.run "

bool run_state_by_id(const struct batch_setup *setup, int64_t id, struct run_state *ret,
		     struct err *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)id);
	return read_state(setup, STATE_COLUMNS "WHERE id = $1::bigint",
			  (struct pg_param[]){ PG_P_TEXT(text) }, ret, err);
}

static bool state_of_job(const struct batch_setup *setup, const char *label, struct run_state *ret,
			 struct err *err)
{
	return read_state(setup, STATE_COLUMNS "WHERE job = $1 AND state = 'open'",
			  (struct pg_param[]){ PG_P_TEXT(label) }, ret, err);
}

static bool any_pending(struct batch_setup *setup, const struct batch_job *job, bool *any,
			struct err *err)
{
	bool ok = true;

	*any = false;
	for (int i = 0; i < job->n_phases && !*any && ok; i++) {
		do {
			batch_lasts(setup);
			ok = run_pending(&job->phases[i], &setup->ledger, setup->control, any, err);
		} while (batch_again(setup, job->label, ok, err));
	}
	return ok;
}

bool run_open_or_join(struct batch_setup *setup, const struct batch_job *job, struct run_state *ret,
		      bool *joined, struct err *err)
{
	char host[256] = "";
	bool any;

	*joined = true;
	if (!state_of_job(setup, job->label, ret, err) || ret->id != 0)
		return ret->id != 0;
	*joined = false;
	if (!any_pending(setup, job, &any, err))
		return false;
	if (!any)
		return true;
	(void)gethostname(host, sizeof(host) - 1);
	/* Two that start at once: one inserts, both read the same row. */
	if (!ledger_query(&setup->ledger, setup->control,
			  "INSERT INTO @.run (job, state, options, invocation, host, version)"
			  " VALUES ($1, 'open', $2, $3, $4, '" PLMAINT_VERSION
			  "') ON CONFLICT DO NOTHING",
			  (struct pg_param[]){ PG_P_TEXT(job->label), PG_P_TEXT(job->options),
					       PG_P_TEXT(setup->run_id), PG_P_TEXT(host) },
			  4, NULL, err))
		return false;
	return state_of_job(setup, job->label, ret, err);
}
