/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A transaction for each hundred rows and their files. */
#include "procedures/left_files.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/strbuf.h"
#include "lib/pulp/storage.h"

#include <stdio.h>
#include <stdlib.h>

const struct opt left_params_table[] = {
	{ .name = "older",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct left_params, older),
	  .arg = "TIME",
	  .help = "how old it must be",
	  .fallback = "1d" },
	OPTS_END,
};

bool left_count(const struct probe *p, const struct left_params *o, const char *sql, int64_t *ret,
		struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	char seconds[32];

	snprintf(seconds, sizeof(seconds), "%.3f", o->older);
	if (!pg_query(p->db, sql, (struct pg_param[]){ PG_P_TEXT(seconds) }, 1, &r, err))
		return false;
	*ret = pg_int(r, 0, 0);
	return true;
}

bool left_needed(const struct probe *p, const struct left_params *o, const char *sql,
		 const char *what, bool *ret, struct outcome *why, struct err *err)
{
	int64_t n;

	if (!left_count(p, o, sql, &n, err))
		return false;
	*ret = n > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%lld %s are that old and older than every task that has not ended",
		    (long long)n, what);
	return true;
}

static const char *words_of(enum fs_verdict v)
{
	switch (v) {
	case FS_OUTSIDE:
		return "lies outside of the roots that are known (pulp.domain_roots)";
	case FS_NOT_REGULAR:
		return "is no regular file";
	case FS_DENIED:
		return "may not be removed";
	default:
		return "cannot be removed";
	}
}

/* Removes the files of these rows and lists in ids those whose row may go. */
static void remove_files(const struct storage *s, const struct pg_rows *r, struct strbuf *ids,
			 struct left_tally *t, struct outcome *out)
{
	strbuf_adds(ids, "{");
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		enum fs_verdict v = storage_remove(s, pg_text(r, i, 2), pg_text(r, i, 1));

		t->files += v == FS_OK;
		if (v == FS_OK || v == FS_MISSING) {
			strbuf_addf(ids, "%s%s", ids->len > 1 ? "," : "", pg_text(r, i, 0));
		} else {
			t->kept++;
			outcome_example(out, "%s %s", pg_text(r, i, 1), words_of(v));
		}
	}
	strbuf_adds(ids, "}");
}

/* *more: whether the list was full.  last is the id up to which it went. */
static bool one_batch(struct pg *db, const struct storage *s, const struct left_files *l,
		      char last[37], bool *more, struct left_tally *t, struct outcome *out,
		      struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_ROWS struct pg_rows *gone = NULL;
	AUTO_STRBUF struct strbuf ids = { 0 };
	char seconds[32];
	const struct pg_param params[] = { PG_P_TEXT(seconds), PG_P_TEXT(last) };

	snprintf(seconds, sizeof(seconds), "%.3f", l->older);
	if (!pg_exec(db, "BEGIN", err) || !pg_query(db, l->list_sql, params, 2, &r, err))
		return false;
	*more = pg_rows_count(r) > 0;
	remove_files(s, r, &ids, t, out);
	if (!pg_query(db, l->delete_sql, (struct pg_param[]){ PG_P_TEXT(ids.data) }, 1, &gone,
		      err) ||
	    !pg_exec(db, "COMMIT", err))
		return false;
	t->rows += pg_rows_affected(gone);
	if (*more)
		snprintf(last, 37, "%s", pg_text(r, pg_rows_count(r) - 1, 0));
	return true;
}

bool left_files_remove(struct actor *a, struct pg *db, const struct left_files *l,
		       const struct headway *h, struct left_tally *t, struct outcome *out,
		       struct err *err)
{
	char last[37] = "00000000-0000-0000-0000-000000000000";
	struct storage *s = NULL;
	bool more = true;

	if (!storage_open(a->look->config, &a->look->place, &s, err))
		return false;
	bool ok = true;
	while (ok && more) {
		double begin = clock_monotonic();

		ok = one_batch(db, s, l, last, &more, t, out, err);
		if (ok && more)
			headway_tell(h, t->rows + t->kept);
		if (ok && more && !stop_wait(clock_monotonic() - begin))
			ok = err_set(err, ERR_STOPPED, "stopped after %lld row(s)",
				     (long long)t->rows);
	}
	storage_close(s);
	return ok;
}
