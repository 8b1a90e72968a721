/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pulpcore-manager, migrate too, refuses to start while an artifact lacks a checksum that Pulp's
 * settings allow (pulpcore.E002): the services stay down in the middle of an upgrade.  Upstream's
 * own command computes what is missing.
 */
#include "lib/drivers/probe.h"
#include "procedures/companion.h"
#include "procedures/procedures.h"

static const double longest = 24 * 3600; /* it reads every such file */

static bool count_lacking(const struct probe *p, int64_t *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(p->db,
		      "SELECT count(*) FROM core_artifact WHERE sha224 IS NULL OR sha384 IS NULL"
		      " OR sha512 IS NULL",
		      NULL, 0, &r, err))
		return false;
	*ret = pg_int(r, 0, 0);
	return true;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	int64_t n;

	(void)params;
	if (!count_lacking(p, &n, err))
		return false;
	*ret = n > 0;
	outcome_set(why, RESULT_OK, "%lld artifact(s) lack(s|) a checksum that Pulp asks for",
		    (long long)n);
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	static const char *const words[] = { "handle-artifact-checksums", NULL };

	(void)params;
	return companion_run(a,
			     &(struct companion){ .label = procedure_pulp_artifacts_checksums.label,
						  .words = words,
						  .timeout = longest },
			     out, err);
}

/* A site whose settings allow fewer has nothing missing although these are empty. */
static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	int64_t n;

	(void)params;
	if (!count_lacking(p, &n, err))
		return false;
	if (n > 0)
		outcome_example(out,
				"%lld artifact(s) (is|are) still without one: right where "
				"ALLOWED_CONTENT_CHECKSUMS leaves it out",
				(long long)n);
	return true;
}

const struct procedure procedure_pulp_artifacts_checksums = {
	.label = "pulp-artifacts-checksums",
	.summary = "let Pulp compute the checksums that its artifacts lack",
	.explain =
		"Runs upstream's handle-artifact-checksums as the user pulp where a row lacks sha224, "
		"sha384 or sha512: with one such row pulpcore-manager refuses every command, the "
		"upgrade's migrate too.",
	.changes = "checksums of core_artifact",
	.tags = (const char *const[]){ "pre-migrations", NULL },
	.needs = NEED_DB | NEED_SETTINGS,
	.needed = needed,
	.run = run,
	.verify = verify,
};
