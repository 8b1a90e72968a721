/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A manifest is named by the sha256 of its bytes, so what is stored proves itself.  Left out are
 * rows of schema 1: a signed one is named by its payload without the signatures.
 */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/pulp/look.h"
#include "lib/pulp/schema.h"

enum { SAMPLE_ROWS = 2000 };

/* The proof of a migration looks at all; only `health check` asks for less. */
static const struct opt table[] = {
	{ .name = "full",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct look_params, full),
	  .help = "all rows and not a sample",
	  .fallback = "1" },
	OPTS_END,
};

#define WRONG "encode(sha256(convert_to(data, 'UTF8')), 'hex') <> substr(digest, 8)"
#define ROWS                                                               \
	"FROM container_manifest%s WHERE data <> '' AND media_type NOT IN" \
	" ('application/vnd.docker.distribution.manifest.v1+json',"        \
	" 'application/vnd.docker.distribution.manifest.v1+prettyjws')"

static bool add_examples(const struct probe *p, const char *clause, struct outcome *out,
			 struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf("SELECT digest " ROWS " AND " WRONG " LIMIT 10", clause);

	if (!look_query(p, sql, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s", pg_text(r, i, 0));
	return true;
}

static bool judge(const struct probe *p, const struct look_params *o,
		  const struct look_sample *sample, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf("SELECT count(*), count(*) FILTER (WHERE " WRONG ") " ROWS,
					sample->clause);
	double began = clock_monotonic();
	char rate[48];

	if (!look_query(p, sql, &r, err))
		return false;
	int64_t n = pg_int(r, 0, 0), wrong = pg_int(r, 0, 1);
	const char *comma = *sample->among ? ", " : "";

	look_rate(o, n, began, rate);
	outcome_count(out, "found", wrong);
	if (wrong == 0) {
		outcome_set(out, RESULT_OK,
			    "the data of %lld manifest(s) hashes to (its|their) digest(s)%s%s%s",
			    (long long)n, comma, sample->among, rate);
		return true;
	}
	outcome_set(
		out, RESULT_FINDING,
		"%lld of %lld manifest(s) (has|have) data that does not hash to (its|their) digest%s%s%s",
		(long long)wrong, (long long)n, comma, sample->among, rate);
	outcome_hint(out, "Push or sync these images again; clients refuse them as they are.");
	return add_examples(p, sample->clause, out, err);
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct look_params *o = params;
	struct look_sample sample;
	struct pulp_schema s;

	if (!pulp_schema_probe(p->db, false, true, &s, err))
		return false;
	if (!s.has_data) {
		outcome_set(out, RESULT_SKIPPED, "schema level %04d stores no manifest data",
			    s.level);
		return true;
	}
	return look_sample(p, "container_manifest", SAMPLE_ROWS, o->full, &sample, err) &&
	       judge(p, o, &sample, out, err);
}

const struct check check_pulp_manifests_digest = {
	.label = "pulp-manifests-digest",
	.summary = "the stored data of every manifest hashes to its digest",
	.source = "container_manifest",
	.explain =
		"Rows are hashed by the server; nothing else would notice a manifest that was stored wrongly.",
	.cost = "hashes a sample of 2,000 manifests, with --full all",
	.tags = (const char *const[]){ "post-migrate", "content", NULL },
	.needs = NEED_DB,
	.params = table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
