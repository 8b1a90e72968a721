/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long an upgrade would stand still for the migrations if they were done now, held against what
 * the site can bear.  A look reads a sample and writes nothing, so an upgrade can be looked at on a
 * site that is in use, and by a role that may only read; earlier runs say what writing costs.
 */
#include "procedures/pulp_upgrade_estimate.h"

#include "lib/batch/verdict_file.h"
#include "lib/core/clock.h"
#include "lib/pulp/pending.h"
#include "procedures/migrations.h"
#include "procedures/procedures.h"

const struct opt downtime_params_table[] = {
	{ .name = "max-downtime",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct downtime_params, max_downtime),
	  .arg = "TIME",
	  .help = "how long the upgrade may stand still for the migrations; not given: "
		  "upgrade.max_downtime" },
	OPTS_END,
};

/* Rows that are pending; at a level without the column none can be. */
static bool rows_pending(const struct probe *p, struct pulp_schema *s, int64_t *ret,
			 struct err *err)
{
	struct pending_counts c;
	struct pending_options o = { 0 };

	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &o.except, err) ||
	    !pending_known(p, true, &o, s, &c, err))
		return false;
	*ret = s->has_data && s->known ? c.images + c.lists + c.lost + c.detach : 0;
	return true;
}

/* Whether it takes time: one in batches where rows are pending, another where it says so. */
static bool takes_time(const struct probe *p, const struct procedure *m, int64_t rows, bool *ret,
		       struct err *err)
{
	struct outcome why = { 0 };

	*ret = m->estimate && m->params && rows > 0;
	if (!m->estimate || m->params)
		return true;

	bool ok = m->needed(p, NULL, ret, &why, err) || err_wrap(err, "%s", m->label);

	outcome_release(&why);
	return ok;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	struct pulp_schema s;
	int64_t rows;
	bool any = false;

	(void)params;
	if (!rows_pending(p, &s, &rows, err))
		return false;
	for (const struct procedure *const *m = migrations; *m && !any; m++)
		if (!takes_time(p, *m, rows, &any, err))
			return false;
	*ret = any;
	if (!s.has_data)
		outcome_set(why, RESULT_OK, "level %04d has no column to migrate into", s.level);
	else
		outcome_set(why, RESULT_OK, "%lld manifests are pending", (long long)rows);
	return true;
}

/* One after the other: the bounds are added, which is wider than they are together. */
static bool add_up(struct actor *a, bool may_write, double sum[3], struct err *err)
{
	struct pulp_schema s;
	int64_t rows;

	if (!rows_pending(a->look, &s, &rows, err))
		return false;
	for (const struct procedure *const *m = migrations; *m; m++) {
		double one[3] = { 0 };
		bool takes;

		if (!takes_time(a->look, *m, rows, &takes, err))
			return false;
		if (takes && !(*m)->estimate(a, may_write, one, err))
			return err_wrap(err, "%s", (*m)->label);
		for (int i = 0; i < 3; i++)
			sum[i] += one[i];
	}
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct downtime_params *o = params;
	double most = o->max_downtime, sum[3] = { 0 };
	char low[32], mid[32], high[32], limit[32];

	if ((most <= 0 && !config_seconds(a->look->config, "upgrade.max_downtime", &most, err)) ||
	    !add_up(a, o->refuse, sum, err))
		return false;
	clock_in_words(sum[0], low, sizeof(low));
	clock_in_words(sum[1], mid, sizeof(mid));
	clock_in_words(sum[2], high, sizeof(high));
	clock_in_words(most, limit, sizeof(limit));
	bool late = sum[2] > most;
	outcome_set(out,
		    !late	? RESULT_OK
		    : o->refuse ? RESULT_FAILED
				: RESULT_WARNING,
		    "the upgrade would stand still for about %s, %s to %s, and may for %s", mid,
		    low, high, limit);
	if (late)
		outcome_hint(out,
			     "Run `plmaint pre-migrate run` before, while Pulp stays online%s.",
			     o->refuse ? "; or allow more with --max-downtime" : "");
	return true;
}

const struct procedure procedure_pulp_upgrade_estimate = {
	.label = "pulp-upgrade-estimate",
	.summary = "say how long the migrations would hold up an upgrade",
	.explain =
		"Counts what is pending and reads a sample of it. `plmaint pre-migrate estimate` "
		"tells more.",
	.tags = (const char *const[]){ "online", NULL },
	.needs = NEED_DB,
	.params = downtime_params_table,
	.params_size = sizeof(struct downtime_params),
	.needed = needed,
	.run = run,
};
