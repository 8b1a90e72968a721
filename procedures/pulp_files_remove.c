/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Temporary files that Pulp has handed to tasks which ended without them. */
#include "procedures/left_files.h"
#include "procedures/procedures.h"

static const char list_sql[] =
	"SELECT f.pulp_id, f.file, d.name FROM core_pulptemporaryfile f JOIN core_domain d ON d.pulp_id = f.pulp_domain_id"
	" WHERE " LEFT_OLD(
		"f.pulp_created") " AND f.pulp_id > $2::uuid ORDER BY f.pulp_id LIMIT " LEFT_ROWS
				  " FOR UPDATE OF f SKIP LOCKED";

static const char count_sql[] =
	"SELECT count(*) FROM core_pulptemporaryfile f WHERE " LEFT_OLD("f.pulp_created");

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	return left_needed(p, params, count_sql, "temporary files", ret, why, err);
}

static bool remove_them(struct actor *a, const struct left_params *o, int64_t total,
			struct left_tally *t, struct outcome *out, struct err *err)
{
	const struct left_files files = { .list_sql = list_sql,
					  .delete_sql = "DELETE FROM core_pulptemporaryfile"
							" WHERE pulp_id = ANY ($1::uuid[])",
					  .older = o->older };
	struct headway h = headway_begin(a, "pulp-files-remove", total);
	struct pg *db = NULL;

	bool ok = actor_connect(a, "files", &db, err) &&
		  left_files_remove(a, db, &files, &h, t, out, err);
	pg_close(db);
	return ok;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct left_params *o = params;
	struct left_tally t = { 0 };
	int64_t total;

	bool ok = left_count(a->look, o, count_sql, &total, err) &&
		  remove_them(a, o, total, &t, out, err);
	outcome_count(out, "rows", t.rows);
	if (ok)
		outcome_set(
			out, t.kept ? RESULT_WARNING : RESULT_OK,
			"%lld temporary file(s) deleted, %lld of them (was|were) still there; %lld kept",
			(long long)t.rows, (long long)t.files, (long long)t.kept);
	return ok;
}

const struct procedure procedure_pulp_files_remove = {
	.label = "pulp-files-remove",
	.summary = "delete temporary files that were left behind",
	.explain =
		"Those of a day ago and more, unless a task has not ended that was there then: it may still want them. "
		"TMPFILE_PROTECTION_TIME in Pulp's settings makes workers do the same.",
	.changes = "core_pulptemporaryfile and files below tmp in Pulp's media",
	.deletes = "temporary files of tasks that have ended",
	.tags = (const char *const[]){ "fix", "storage", "online", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.params = left_params_table,
	.params_size = sizeof(struct left_params),
	.needed = needed,
	.run = run,
};
