/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a pre-migration ends with: nothing is left that can be migrated, and what cannot is known by
 * reason. */
#include "checks/checks.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/pending.h"

static bool count_unaccepted(const struct probe *p, const char *verdicts, int64_t *quarantined,
			     int64_t *partial, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	*quarantined = *partial = 0;
	if (!verdicts)
		return true;
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*) FILTER (WHERE effect = 'quarantine'), count(*) FILTER (WHERE effect = 'partial')"
		" FROM %s v WHERE accepted IS NULL AND EXISTS (SELECT FROM container_manifest m"
		" WHERE m.content_ptr_id = v.id)",
		verdicts);
	if (!pg_query(p->db, sql, NULL, 0, &r, err))
		return false;
	*quarantined = pg_int(r, 0, 0);
	*partial = pg_int(r, 0, 1);
	return true;
}

static void say_left(const struct pulp_schema *s, const struct pending_counts *c,
		     struct outcome *out)
{
	outcome_count(out, "filled", c->detach);
	if (c->list_type > 0)
		outcome_example(
			out,
			"%lld list(s) (has|have) data and no type; Pulp's own command never selects them (--refill does)",
			(long long)c->list_type);
	if (c->labels > 0)
		outcome_example(
			out,
			"%lld image(s) (has|have) a configuration and no labels; what a push has missed, --refill fills",
			(long long)c->labels);
	if (!s->has_data)
		outcome_example(out,
				"level %04d has no column for the data: it stays in the artifacts",
				s->level);
	if (c->detach > 0)
		outcome_example(
			out,
			"%lld filled manifest(s) keep(s|) (its|their) artifact link: `plmaint pre-migrate detach` ends them",
			(long long)c->detach);
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct pulp_schema s;
	struct pending_counts c;
	int64_t quarantined, partial;
	struct pending_options o = { 0 };

	(void)params;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, &s, &c, err) ||
	    !count_unaccepted(p, o.except, &quarantined, &partial, err))
		return false;
	int64_t left = c.images + c.lists + c.lost;
	if (left > 0) {
		outcome_set(out, RESULT_FINDING, "%lld manifest(s) (is|are) still to be migrated",
			    (long long)left);
		outcome_hint(out, "Run `plmaint pre-migrate run`.");
	} else if (quarantined + partial > 0) {
		outcome_set(
			out, RESULT_WARNING,
			"nothing is left that can be migrated; %lld manifest(s) (is|are) quarantined, %lld partial",
			(long long)quarantined, (long long)partial);
		outcome_hint(
			out,
			"`plmaint pre-migrate quarantine list` shows each; mend it, or accept it with a reason.");
	} else {
		outcome_set(out, RESULT_OK, "nothing is left of %lld manifest(s)",
			    (long long)c.manifests);
	}
	say_left(&s, &c, out);
	return true;
}

const struct check check_pulp_manifests_pending = {
	.label = "pulp-manifests-pending",
	.summary = "no manifest is left that can be migrated",
	.source = "container_manifest, the quarantine",
	.explain =
		"Asked of Pulp's own tables. Rows whose data cannot be had, or whose fields are partly missing, are known with "
		"their reason; an accepted one is not counted.",
	.cost = "one scan of all manifests, which checks of this kind share, and a look for their links",
	.tags = (const char *const[]){ "post-migrate", NULL },
	.remedies = (const char *const[]){ "pulp-manifests-fill", "pulp-manifests-recover", NULL },
	.needs = NEED_DB,
	.shares = "pending",
	.run = run,
};
