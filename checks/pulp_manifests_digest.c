/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A manifest is named by the sha256 of its bytes, so what is stored proves itself.  Left out are
 * rows of schema 1: a signed one is named by its payload without the signatures.
 */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/schema.h"

#define WRONG                                                                                                                     \
	"FROM container_manifest WHERE data <> '' AND media_type NOT IN ('application/vnd.docker.distribution.manifest.v1+json'," \
	" 'application/vnd.docker.distribution.manifest.v1+prettyjws')"                                                           \
	" AND encode(sha256(convert_to(data, 'UTF8')), 'hex') <> substr(digest, 8)"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL, *n = NULL;
	struct pulp_schema s;

	(void)params;
	if (!pulp_schema_probe(p->db, false, true, &s, err))
		return false;
	if (!s.has_data) {
		outcome_set(out, RESULT_SKIPPED, "schema level %04d stores no manifest data",
			    s.level);
		return true;
	}
	if (!pg_query(p->db, "SELECT digest " WRONG " LIMIT 10", NULL, 0, &r, err) ||
	    !pg_query(p->db, "SELECT count(*) FROM container_manifest WHERE data <> ''", NULL, 0,
		      &n, err))
		return false;
	if (pg_rows_count(r) == 0) {
		outcome_set(out, RESULT_OK, "the data of %lld manifests hashes to their digests",
			    (long long)pg_int(n, 0, 0));
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
		"Every row is hashed by the server; nothing else would notice a manifest that was stored wrongly.",
	.tags = (const char *const[]){ "post-migrate", NULL },
	.needs = NEED_DB,
	.run = run,
};
