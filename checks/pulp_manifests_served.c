/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nothing in Pulp refuses the upgrade to a release that cannot serve what was not migrated.  What
 * a row has is asked of the table, never of a record of some run; what the target does with a row
 * without data is in lib/pulp/releases.def.
 */
#include "checks/checks.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/pending.h"
#include "lib/pulp/releases.h"

static bool count_accepted(const struct probe *p, const char *verdicts, int64_t *ret,
			   struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	*ret = 0;
	if (!verdicts)
		return true;
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*) FROM %s v JOIN container_manifest m ON m.content_ptr_id = v.id"
		" WHERE v.kind = 'manifest' AND v.effect = 'quarantine' AND v.accepted IS NOT NULL"
		" AND (m.data IS NULL OR m.data = '')",
		verdicts);
	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	*ret = pg_int(r, 0, 0);
	return true;
}

/* The repositories that would suffer, the worst first. */
static bool add_examples(const struct probe *p, const struct pulp_schema *s, struct outcome *out,
			 struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT coalesce(r.name, 'in no repository'), count(*) FROM container_manifest m"
		" LEFT JOIN core_repositorycontent c ON c.content_id = m.content_ptr_id AND c.version_removed_id IS NULL"
		" LEFT JOIN core_repository r ON r.pulp_id = c.repository_id"
		"%s GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10",
		s->has_data ? " WHERE m.data IS NULL OR m.data = ''" : "");

	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		outcome_example(out, "%s: %s", pg_text(r, i, 0), pg_text(r, i, 1));
	return true;
}

static void say_refused(const struct pulp_schema *s, const struct pending_counts *c, int64_t bad,
			const struct release_target *t, struct outcome *out)
{
	if (!s->has_data) {
		outcome_set(out, RESULT_FINDING,
			    "%s serves none of the %lld manifest(s), and schema level %04d has no"
			    " column to migrate them into",
			    t->name, (long long)c->manifests, s->level);
		outcome_hint(out, "Upgrade to pulp_container 2.22 or 2.24 first, run `plmaint "
				  "pre-migrate run` there, then go on.");
		return;
	}
	outcome_set(
		out, RESULT_FINDING,
		"%lld of %lld manifest(s) (has|have) no data: %s answers (its|their) pulls with an error or with `None`",
		(long long)bad, (long long)c->manifests, t->name);
	outcome_hint(
		out, "%s",
		c->images + c->lists + c->lost > 0
			? "Run `plmaint pre-migrate run`; Pulp stays online."
			: "`plmaint pre-migrate quarantine list` tells why, image by image: mend it, or accept it with a reason.");
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const struct target_params *target = params;
	struct release_target t;
	struct pulp_schema s;
	struct pending_counts c;
	struct pending_options o = { .without_links = true };
	int64_t accepted = 0;

	if (!release_target_find(target->to, &t, err) ||
	    !verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, &s, &c, err) ||
	    (s.has_data && !count_accepted(p, o.except, &accepted, err)))
		return false;
	int64_t bad = c.without_data - accepted;
	outcome_count(out, "found", t.reads_artifacts ? 0 : bad);
	if (bad == 0) {
		outcome_set(out, RESULT_OK, "all %lld manifest(s) (has|have) (its|their) data%s",
			    (long long)c.manifests,
			    accepted ? ", but for those that were accepted" : "");
		return true;
	}
	if (t.reads_artifacts) {
		outcome_set(
			out, RESULT_OK,
			"%s reads the artifacts of the %lld manifest(s) without data; the next release may not",
			t.name, (long long)bad);
		return true;
	}
	say_refused(&s, &c, bad, &t, out);
	return add_examples(p, &s, out, err);
}

const struct check check_pulp_manifests_served = {
	.label = "pulp-manifests-served",
	.summary = "the release to upgrade to can serve every manifest",
	.source = "container_manifest, core_repositorycontent",
	.explain =
		"pulp_container up to 2.24, and 2.26.15 and later 2.26, read the artifact of a manifest without data; 2.25, 2.26.0 to "
		"2.26.14, 2.27 and later answer its pull with an error or with 200 and the four letters `None`. No migration of Pulp "
		"refuses. Without a target the worst is assumed.",
	.cost = "one scan of all manifests, which checks of this kind share",
	.tags = (const char *const[]){ "pre-upgrade", "upgrade", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-fill", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.params = target_params_table,
	.params_size = sizeof(struct target_params),
	.run = run,
};
