/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long an upgrade would stand still for the migration if it were done now, held against what
 * the site can bear.  It reads a sample and writes nothing, so an upgrade can be looked at on a
 * site that is in use, and by a role that may only read; earlier runs say what writing costs.
 */
#include "procedures/pulp_upgrade_estimate.h"

#include "lib/batch/verdict_file.h"
#include "lib/core/clock.h"
#include "lib/pulp/pending.h"
#include "procedures/manifest_estimate.h"
#include "procedures/procedures.h"

const struct opt downtime_params_table[] = {
	{ .name = "max-downtime",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct downtime_params, max_downtime),
	  .arg = "TIME",
	  .help = "how long the upgrade may stand still for the migration; not given: "
		  "upgrade.max_downtime" },
	OPTS_END,
};

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct pulp_schema s;
	struct pending_counts c;
	struct pending_options o = { 0 };

	(void)params;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, &s, &c, err))
		return false;
	*ret = s.has_data && s.known && c.images + c.lists + c.lost + c.detach > 0;
	if (!s.has_data)
		outcome_set(why, RESULT_OK, "level %04d has no column to migrate into", s.level);
	else
		outcome_set(why, RESULT_OK, "%lld manifests are pending",
			    (long long)(c.images + c.lists + c.lost + c.detach));
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct downtime_params *o = params;
	const struct estimate_wish wish = { .sample = 300, .no_write = "a check only reads" };
	AUTO_ESTIMATE struct manifest_estimate e = { 0 };
	char low[32], mid[32], high[32], limit[32];
	double most = o->max_downtime;

	if ((most <= 0 && !config_seconds(a->look->config, "upgrade.max_downtime", &most, err)) ||
	    !manifest_estimate(a, &wish, &e, err))
		return false;
	clock_in_words(e.time.full.p10, low, sizeof(low));
	clock_in_words(e.time.full.p50, mid, sizeof(mid));
	clock_in_words(e.time.full.p90, high, sizeof(high));
	clock_in_words(most, limit, sizeof(limit));
	bool late = e.time.full.p90 > most;
	outcome_set(out, late ? RESULT_WARNING : RESULT_OK,
		    "the upgrade would stand still for about %s, %s to %s, and may for %s", mid,
		    low, high, limit);
	if (late)
		outcome_hint(out, "Run `plmaint pre-migrate run` before; Pulp stays online.");
	return true;
}

const struct procedure procedure_pulp_upgrade_estimate = {
	.label = "pulp-upgrade-estimate",
	.summary = "say how long the migration would hold up an upgrade",
	.explain = "Counts what is pending and reads a sample of it; nothing is written. `plmaint "
		   "pre-migrate estimate` tells more.",
	.tags = (const char *const[]){ "online", NULL },
	.needs = NEED_DB,
	.params = downtime_params_table,
	.params_size = sizeof(struct downtime_params),
	.needed = needed,
	.run = run,
};
