/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lists of content that are missing or differ from their rows are mended by upstream's datarepair:
 * 7465 makes missing ones (pulpcore 3.115 refuses them), 7272 mends wrong ones.
 */
#include "lib/pulp/columns.h"
#include "procedures/companion.h"
#include "procedures/patience.h"
#include "procedures/procedures.h"

struct params {
	double timeout;
};

static const struct opt params_table[] = {
	PATIENCE_ROW(struct params, "how long each command may take"),
	OPTS_END,
};

/* Versions without a list, and latest ones whose list has another length than its rows. */
static const char count_sql[] =
	"SELECT count(*) FILTER (WHERE v.content_ids IS NULL), count(*) FILTER (WHERE v.content_ids IS NOT NULL"
	" AND v.complete AND NOT EXISTS (SELECT FROM core_repositoryversion n WHERE n.repository_id = v.repository_id"
	"  AND n.complete AND n.number > v.number)"
	" AND cardinality(v.content_ids) <> (SELECT count(*) FROM core_repositorycontent i"
	"  WHERE i.repository_id = v.repository_id AND i.version_removed_id IS NULL)) FROM core_repositoryversion v";

static bool count(const struct probe *p, int64_t *missing, int64_t *wrong, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const struct pulp_columns *c;

	*missing = *wrong = 0;
	if (!pulp_columns_known(p, &c, err))
		return false;
	if (!pulp_has(c, "core_repositoryversion.content_ids"))
		return true;
	if (!pg_query(p->db, count_sql, NULL, 0, &r, err))
		return false;
	*missing = pg_int(r, 0, 0);
	*wrong = pg_int(r, 0, 1);
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	int64_t missing, wrong;

	(void)params;
	if (!count(p, &missing, &wrong, err))
		return false;
	*ret = missing + wrong > 0;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		    "%lld repository versions have no list of their content, %lld a wrong one",
		    (long long)missing, (long long)wrong);
	return true;
}

static bool repair(struct actor *a, const char *issue, const struct params *o, struct outcome *out,
		   struct err *err)
{
	return companion_run(
		a,
		&(struct companion){ .label = "pulp-versions-repair",
				     .words = (const char *const[]){ "datarepair", issue, NULL },
				     .timeout = o->timeout },
		out, err);
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	int64_t missing, wrong;

	if (!count(a->look, &missing, &wrong, err) ||
	    (missing > 0 && !repair(a, "7465", params, out, err)))
		return false;
	return out->result == RESULT_FAILED || wrong == 0 || repair(a, "7272", params, out, err);
}

const struct procedure procedure_pulp_versions_repair = {
	.label = "pulp-versions-repair",
	.summary = "let Pulp mend its lists of what repository versions hold",
	.explain =
		"Runs `pulpcore-manager datarepair` as the user pulp: 7465 for lists that are missing, 7272 for those that differ "
		"from their rows.",
	.changes = "column content_ids of core_repositoryversion, and counts, by Pulp",
	.tags = (const char *const[]){ "fix", "content", "online", NULL },
	.needs = NEED_DB | NEED_SETTINGS,
	.params = params_table,
	.params_size = sizeof(struct params),
	.needed = needed,
	.run = run,
};
