/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pulp's own orphan cleanup, by its API: what is an orphan depends on plugins, and Pulp removes the
 * files too.  It takes the bytes of manifests that lost their link to them; those are saved first
 * or it is not started.
 */
#include "lib/core/mem.h"
#include "lib/pulp/columns.h"
#include "procedures/api_task.h"
#include "procedures/patience.h"
#include "procedures/procedures.h"

struct params {
	double timeout;
	long protection;
};

static const struct opt params_table[] = {
	{ .name = "protection",
	  .kind = OPT_INT,
	  .offset = offsetof(struct params, protection),
	  .min = 60,
	  .max = 5256000,
	  .arg = "MINUTES",
	  .help = "how long ago it must have become an orphan",
	  .fallback = "1440" },
	PATIENCE_ROW(struct params, "how long Pulp's task is waited for"),
	OPTS_END,
};

/* Manifests whose bytes are in an artifact that an orphan cleanup would take. */
static bool count_endangered(const struct probe *p, int64_t *n, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const struct pulp_columns *c;

	if (!pulp_columns_known(p, &c, err))
		return false;
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*) FROM container_manifest m JOIN core_artifact a ON a.sha256 = substr(m.digest, 8)"
		" WHERE NOT EXISTS (SELECT FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id)%s",
		pulp_has(c, "container_manifest.data") ? " AND (m.data IS NULL OR m.data = '')"
						       : "");

	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	*n = pg_int(r, 0, 0);
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	const struct params *o = params;
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT EXISTS (SELECT FROM core_artifact a WHERE a.timestamp_of_interest < now() - %ld * interval '1 min'"
		" AND NOT EXISTS (SELECT FROM core_contentartifact c WHERE c.artifact_id = a.pulp_id)),"
		" EXISTS (SELECT FROM core_content c WHERE c.timestamp_of_interest < now() - %ld * interval '1 min'"
		" AND NOT EXISTS (SELECT FROM core_repositorycontent i WHERE i.content_id = c.pulp_id))",
		o->protection, o->protection);

	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	bool artifacts = pg_bool(r, 0, 0), contents = pg_bool(r, 0, 1);

	*ret = artifacts || contents;
	outcome_set(why, *ret ? RESULT_OK : RESULT_NOT_NEEDED, "%s%s%s",
		    artifacts ? "some artifacts are of no content" : "",
		    artifacts && contents ? ", and " : "",
		    contents	? "some content is in no repository"
		    : artifacts ? ""
				: "every artifact is of a content that is in a repository");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct params *o = params;
	AUTO_FREE char *body = xasprintf("{\"orphan_protection_time\": %ld}", o->protection);
	int64_t endangered;

	if (!count_endangered(a->look, &endangered, err))
		return false;
	if (endangered > 0) {
		outcome_set(out, RESULT_FAILED,
			    "%lld manifest(s) without data would lose (its|their) bytes for ever",
			    (long long)endangered);
		outcome_hint(out, "Run `plmaint pre-migrate run` first: it saves them.");
		return true;
	}
	return api_task_run(a,
			    &(struct api_task){ .label = procedure_pulp_orphans_cleanup.label,
						.path = "orphans/cleanup/",
						.body = body,
						.timeout = o->timeout,
						.ended = "Pulp's cleanup has ended" },
			    out, err);
}

const struct procedure procedure_pulp_orphans_cleanup = {
	.label = "pulp-orphans-cleanup",
	.summary = "let Pulp delete content and artifacts that nothing uses",
	.explain =
		"Asks Pulp's API for its orphan cleanup and waits for the task. It is refused while manifests have no data and their "
		"bytes are in an artifact that is an orphan: the cleanup would take the only copy.",
	.changes =
		"content in no repository and artifacts of no content, with their files, by Pulp",
	.deletes = "content and artifacts that nothing uses",
	.tags = (const char *const[]){ "fix", "storage", "online", NULL },
	.needs = NEED_DB,
	.params = params_table,
	.params_size = sizeof(struct params),
	.needed = needed,
	.run = run,
};
