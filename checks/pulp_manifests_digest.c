/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A manifest is named by the sha256 of its bytes, so what is stored proves itself.  Left out are
 * rows of schema 1: a signed one is named by its payload without the signatures.
 */
#include "checks/checks.h"
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

#define WRONG                                                                                                                       \
	"FROM container_manifest%s WHERE data <> '' AND media_type NOT IN ('application/vnd.docker.distribution.manifest.v1+json'," \
	" 'application/vnd.docker.distribution.manifest.v1+prettyjws')"                                                             \
	" AND encode(sha256(convert_to(data, 'UTF8')), 'hex') <> substr(digest, 8)"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL, *n = NULL;
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
	if (!look_sample(p, "container_manifest", SAMPLE_ROWS, o->full, &sample, err))
		return false;
	AUTO_FREE char *wrong = xasprintf("SELECT digest " WRONG " LIMIT 10", sample.clause);
	if (!look_query(p, wrong, &r, err) ||
	    !look_query(p, "SELECT count(*) FROM container_manifest WHERE data <> ''", &n, err))
		return false;
	if (pg_rows_count(r) == 0) {
		outcome_set(
			out, RESULT_OK, "the data of %lld manifests hashes to their digests%s%s",
			(long long)pg_int(n, 0, 0), *sample.among ? ": seen " : "", sample.among);
		return true;
	}
	outcome_set(out, RESULT_FINDING,
		    "stored data does not hash to the digest of at least %zu manifests",
		    pg_rows_count(r));
	outcome_hint(out, "Push or sync these images again; clients refuse them as they are.");
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s", pg_text(r, i, 0));
	return true;
}

const struct check check_pulp_manifests_digest = {
	.label = "pulp-manifests-digest",
	.summary = "the stored data of every manifest hashes to its digest",
	.explain =
		"Rows are hashed by the server; nothing else would notice a manifest that was stored wrongly.",
	.cost = "hashes a sample of 2,000 manifests, with --full all",
	.tags = (const char *const[]){ "post-migrate", "content", NULL },
	.needs = NEED_DB,
	.params = table,
	.params_size = sizeof(struct look_params),
	.run = run,
};
