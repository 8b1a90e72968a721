/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long an upgrade would stand still for the migrations if they were done now, Pulp's own long
 * ones after them, held against what the site can bear.  A look reads a sample and writes nothing,
 * so an upgrade can be looked at on a site that is in use, and by a role that may only read;
 * earlier runs say what writing costs.
 */
#include "procedures/pulp_upgrade_estimate.h"

#include "lib/batch/verdict_file.h"
#include "lib/core/clock.h"
#include "lib/pulp/pending.h"
#include "lib/pulp/slow_migrations.h"
#include "procedures/migrations.h"
#include "procedures/procedures.h"

#include <math.h>
#include <stdio.h>

const struct opt downtime_params_table[] = {
	{ .name = "max-downtime",
	  .kind = OPT_SECONDS,
	  .offset = offsetof(struct downtime_params, max_downtime),
	  .arg = "TIME",
	  .help = "how long the upgrade may stand still for the migrations; not given: "
		  "upgrade.max_downtime",
	  .min = 1 },
	{ .name = "to",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct downtime_params, target.to),
	  .arg = "VERSION",
	  .help = "release to upgrade to, for what its own migrations take; not given: the worst" },
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
	const struct downtime_params *o = params;
	struct release_target t;
	struct pulp_schema s;
	int64_t rows;
	bool any;

	if (!release_target_find(o->target.to, &t, err) || !rows_pending(p, &s, &rows, err) ||
	    !slow_migrations_due(p, &t, &any, err))
		return false;
	for (const struct procedure *const *m = migrations; *m && !any; m++)
		if (!takes_time(p, *m, rows, &any, err))
			return false;
	*ret = any;
	if (!s.has_data)
		outcome_set(why, RESULT_OK, "level %04d has no column to migrate into", s.level);
	else
		outcome_set(why, RESULT_OK, "%lld manifest(s) (is|are) pending", (long long)rows);
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

/* Of Pulp's own; a line for each.  What nobody has measured is said and not added. */
static bool add_pulps(const struct probe *p, const char *to, double sum[3], size_t *unknown,
		      struct outcome *out, struct err *err)
{
	struct slow_migration m[SLOW_MIGRATIONS];
	struct release_target t;
	char time[32];
	size_t n;

	if (!release_target_find(to, &t, err) || !slow_migrations_count(p, &t, m, &n, err))
		return false;
	for (size_t i = 0; i < n; i++) {
		const bool known = !isnan(m[i].mid);

		if (known)
			clock_in_words(m[i].mid, time, sizeof(time));
		outcome_example(out, "%s: %s%s for %lld row(s): %s", m[i].name,
				known ? "about " : "", known ? time : "unknown",
				(long long)m[i].rows, m[i].what);
		*unknown += !known;
		if (!known)
			continue;
		sum[0] += m[i].low;
		sum[1] += m[i].mid;
		sum[2] += m[i].high;
	}
	return true;
}

static void advise(struct outcome *out, bool own, bool refuse)
{
	if (own)
		outcome_hint(out,
			     "Run `plmaint pre-migrate run` before, while Pulp stays online%s.",
			     refuse ? "; or allow more with --max-downtime" : "");
	else
		outcome_hint(out, "It is Pulp's own migrations that take so long; choose the hour "
				  "for it, and allow more with --max-downtime.");
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	const struct downtime_params *o = params;
	double most = o->max_downtime, sum[3] = { 0 }, pulps[3] = { 0 };
	char low[32], mid[32], high[32], limit[32], its[32], rest[48] = "";
	size_t unknown = 0;

	if ((most <= 0 && !config_seconds(a->look->config, "upgrade.max_downtime", &most, err)) ||
	    !add_up(a, o->refuse, sum, err) ||
	    !add_pulps(a->look, o->target.to, pulps, &unknown, out, err))
		return false;
	const bool own = sum[2] > most || pulps[2] <= most;
	for (int i = 0; i < 3; i++)
		sum[i] += pulps[i];
	clock_in_words(pulps[1], its, sizeof(its));
	if (unknown)
		snprintf(rest, sizeof(rest), ", beside %zu of unknown length", unknown);
	clock_in_words(sum[0], low, sizeof(low));
	clock_in_words(sum[1], mid, sizeof(mid));
	clock_in_words(sum[2], high, sizeof(high));
	clock_in_words(most, limit, sizeof(limit));
	bool late = sum[2] > most;
	outcome_set(
		out,
		!late	    ? RESULT_OK
		: o->refuse ? RESULT_FAILED
			    : RESULT_WARNING,
		"the upgrade would stand still for about %s, %s to %s, and may for %s; %s of it "
		"for Pulp's own migrations%s",
		mid, low, high, limit, its, rest);
	if (late)
		advise(out, own, o->refuse);
	return true;
}

const struct procedure procedure_pulp_upgrade_estimate = {
	.label = "pulp-upgrade-estimate",
	.summary = "say how long the migrations would hold up an upgrade",
	.explain =
		"Counts what is pending and reads a sample of it; counts the rows that Pulp's own "
		"long migrations read or write, and takes the time from rates that were measured "
		"elsewhere. `plmaint pre-migrate estimate` tells more.",
	.tags = (const char *const[]){ "online", NULL },
	.needs = NEED_DB,
	.params = downtime_params_table,
	.params_size = sizeof(struct downtime_params),
	.needed = needed,
	.run = run,
};
