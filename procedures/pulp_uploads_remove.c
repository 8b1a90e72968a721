/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Uploads that were never finished: first their parts with their files, then those that have no
 * part.  One that got a part within the time is not abandoned, however long ago it was begun.
 */
#include "procedures/batched.h"
#include "procedures/left_files.h"
#include "procedures/procedures.h"

#include <stdio.h>

#define ABANDONED                                                                       \
	LEFT_OLD("u.pulp_created")                                                      \
	" AND NOT EXISTS (SELECT FROM core_uploadchunk y WHERE y.upload_id = u.pulp_id" \
	" AND y.pulp_created >= now() - make_interval(secs => $1::float8))"

static const char list_sql[] =
	"SELECT c.pulp_id, c.file, d.name FROM core_uploadchunk c JOIN core_upload u ON u.pulp_id = c.upload_id"
	" JOIN core_domain d ON d.pulp_id = u.pulp_domain_id WHERE " ABANDONED
	" AND c.pulp_id > $2::uuid ORDER BY c.pulp_id LIMIT " LEFT_ROWS
	" FOR UPDATE OF c, u SKIP LOCKED";
/* Uploads of the registry have a row of their own. */
static const char empty_sql[] =
	"WITH gone AS MATERIALIZED (SELECT u.pulp_id FROM core_upload u WHERE " ABANDONED
	" AND NOT EXISTS (SELECT FROM core_uploadchunk c WHERE c.upload_id = u.pulp_id) LIMIT " BATCHED_ROWS
	" FOR UPDATE OF u SKIP LOCKED),"
	" child AS (DELETE FROM container_upload WHERE upload_ptr_id IN (SELECT pulp_id FROM gone))"
	" DELETE FROM core_upload WHERE pulp_id IN (SELECT pulp_id FROM gone)";

static const char count_sql[] = "SELECT count(*) FROM core_upload u WHERE " ABANDONED;
static const char count_parts_sql[] =
	"SELECT count(*) FROM core_uploadchunk c JOIN core_upload u ON u.pulp_id = c.upload_id"
	" WHERE " ABANDONED;

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	return left_needed(p, params, count_sql, "unfinished uploads", ret, why, err);
}

/* Uploads, and their parts. */
static bool count_rows(const struct probe *p, const struct left_params *o, int64_t *ret,
		       struct err *err)
{
	int64_t uploads = 0, parts = 0;

	bool ok = left_count(p, o, count_sql, &uploads, err) &&
		  left_count(p, o, count_parts_sql, &parts, err);
	*ret = uploads + parts;
	return ok;
}

static bool remove_them(struct actor *a, const struct left_params *o, int64_t total,
			struct left_tally *t, int64_t *uploads, struct outcome *out,
			struct err *err)
{
	const struct left_files parts = { .list_sql = list_sql,
					  .delete_sql = "DELETE FROM core_uploadchunk"
							" WHERE pulp_id = ANY ($1::uuid[])",
					  .older = o->older };
	char seconds[32];
	const struct batched empty = { .sql = empty_sql,
				       .params = (struct pg_param[]){ PG_P_TEXT(seconds) },
				       .n_params = 1 };
	struct headway h = headway_begin(a, "pulp-uploads-remove", total);
	struct pg *db = NULL;

	snprintf(seconds, sizeof(seconds), "%.3f", o->older);
	bool ok = actor_connect(a, "uploads", &db, err) &&
		  left_files_remove(a, db, &parts, &h, t, out, err);
	h.before = t->rows + t->kept;
	ok = ok && batched_run(db, &empty, &h, uploads, err);
	pg_close(db);
	return ok;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct left_params *o = params;
	struct left_tally t = { 0 };
	int64_t uploads = 0, total;

	bool ok = count_rows(a->look, o, &total, err) &&
		  remove_them(a, o, total, &t, &uploads, out, err);
	outcome_count(out, "rows", t.rows + uploads);
	if (ok)
		outcome_set(out, t.kept ? RESULT_WARNING : RESULT_OK,
			    "%lld upload(s) deleted with %lld file(s); %lld file(s) kept",
			    (long long)uploads, (long long)t.files, (long long)t.kept);
	return ok;
}

const struct procedure procedure_pulp_uploads_remove = {
	.label = "pulp-uploads-remove",
	.summary = "delete uploads that were never finished",
	.explain =
		"Those that were begun a day ago or earlier and have got no part since, unless a task has not ended that was "
		"there then. UPLOAD_PROTECTION_TIME in Pulp's settings makes workers do the same.",
	.changes = "core_upload, core_uploadchunk, container_upload, and the files of the parts",
	.deletes = "uploads that were never finished",
	.tags = (const char *const[]){ "fix", "storage", "online", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = left_params_table,
	.params_size = sizeof(struct left_params),
	.needed = needed,
	.run = run,
};
