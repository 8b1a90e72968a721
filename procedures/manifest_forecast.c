/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Guesses stand until batches were timed, and only their ratios matter once one phase has been
 * seen: a machine that is slower is so at all of them.  Measured on PostgreSQL 15 with 40,000 and
 * more ordinary images.
 */
#include "procedures/manifest_forecast.h"
#include "lib/batch/calibration.h"
#include "lib/batch/forecast.h"
#include "lib/core/mem.h"
#include "lib/pulp/live.h"
#include "procedures/foretold.h"
#include "procedures/procedures.h"
#include "procedures/vacuum_cost.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Busy seconds of an ordinary row, its bytes; how many times more a row costs that is the first of
 * its page: the page is logged whole, and has no room for another version.  growth: see
 * estimate_model.c; of an image's bytes two thirds are its configuration, which is not stored. */
static const struct {
	const char *name;
	double each, bytes, first;
	struct growth growth;
} guesses[] = { [PENDING_LOST_IMAGES] = { "recover", 200e-6, 4500, 0, { 600, 0.2 } },
		[PENDING_LOST_LISTS] = { "recover lists", 200e-6, 1500, 0, { 600, 0.6 } },
		[PENDING_IMAGES] = { "images", 95e-6, 4500, 0, { 600, 0.2 } },
		[PENDING_LISTS] = { "lists", 200e-6, 1500, 0, { 600, 0.6 } },
		[PENDING_DETACH] = { "detach", 60e-6, 0, 2.9, { 700, 0 } } };
static const double guess_doubt = 0.6;
/* Of what was measured on this host, or of a guess made larger by how slow it was at others. */
static const double measured_doubt = 0.15, alike_doubt = 0.3;
/* Standard deviations between P10 and P90. */
static const double tenths = 2.563;
/* Seconds before the first batch of detach: of any table, and of a row. */
static const double plan_least = 0.1, plan_each = 3.5e-6, plan_doubt = 0.5;
/* Of a row when it is proven that nothing is left. */
static const double proof_each = 1.5e-6;
static const double vacuum_doubt = 0.5, seen_vacuum_doubt = 0.25;
enum {
	LOOK_BACK = 64, /* entries of the record */
	LEAST_ROWS = 200
}; /* of one that says what rows cost, and not what a transaction does */

/* Where detach writes; as the statistics have it. */
static double artifact_pages(const struct manifest_job *j)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (!pg_query(
		    j->control,
		    "SELECT greatest(relpages, 0) FROM pg_class WHERE oid = 'core_artifact'::regclass",
		    NULL, 0, &r, &ignored))
		return 0;
	return (double)pg_int(r, 0, 0);
}

/* A row of many layers takes longer, and is no sign of a slow host; nor are first ones. */
static double units_of(const struct manifest_job *j, size_t kind, double rows, double bytes)
{
	double units = bytes >= 0 ? forecast_units(guesses[kind].bytes, rows, bytes) : rows;

	return guesses[kind].first > 0
		       ? units + guesses[kind].first * forecast_firsts_of(rows, artifact_pages(j))
		       : units;
}

double manifest_forecast_usual(enum pending_kind kind, double rows, double bytes)
{
	return guesses[kind].each * forecast_units(guesses[kind].bytes, rows, bytes);
}

/* Of one kind of rows. */
struct seen {
	double each; /* busy seconds of a unit */
	double here; /* of these what says how slow the host is; 0: nothing does */
	double doubt;
	char at[32]; /* RFC 3339 */
};

/* The newest of each phase counts.  Files are read by fill alone: how long they take says nothing
 * of the others. */
static void look_at_runs(const struct manifest_job *j, const struct calibrations *c,
			 struct seen seen[ARRAY_LEN(guesses)])
{
	for (size_t i = c->n; i-- > 0;)
		for (size_t k = PENDING_LOST_IMAGES; k < ARRAY_LEN(guesses); k++) {
			const struct calibration *of = &c->item[i];
			if (strcmp(of->phase, guesses[k].name) != 0 || *of->stratum ||
			    of->rows < LEAST_ROWS || of->seconds <= 0)
				continue;
			double each =
				of->seconds / units_of(j, k, (double)of->rows, (double)of->bytes);
			seen[k] = (struct seen){ .each = each,
						 .here = each * (of->duty > 0 ? of->duty : 1),
						 .doubt = measured_doubt };
			snprintf(seen[k].at, sizeof(seen[k].at), "%s", of->at);
		}
}

/* An estimate that is newer than the runs knows of them, and of the host as it is now.  What it
 * read it read from where its sample lay: that says nothing of how slow the rest is. */
static void look_at_estimate(const struct manifest_job *j, struct seen seen[ARRAY_LEN(guesses)])
{
	static const struct {
		const struct procedure *job;
		enum pending_kind kind;
		bool reads;
	} all[] = { { &procedure_pulp_manifests_fill, PENDING_IMAGES, true },
		    { &procedure_pulp_manifests_fill, PENDING_LISTS, true },
		    { &procedure_pulp_manifests_detach, PENDING_DETACH, false } };
	struct err ignored;

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct seen *s = &seen[all[i].kind];
		struct foretold f;
		char at[sizeof(s->at)];
		if (!foretold_last(j, all[i].job->label,
				   all[i].reads ? guesses[all[i].kind].name : "", &f, at,
				   &ignored) ||
		    !*at || !(f.busy > 0) || strcmp(at, s->at) < 0)
			continue;
		*s = (struct seen){
			.each = f.busy / units_of(j, all[i].kind, (double)f.rows, (double)f.bytes),
			.doubt = fmax(log(f.seconds.p90 / f.seconds.p10) / tenths, measured_doubt),
		};
		s->here = all[i].reads ? 0 : s->each;
		memcpy(s->at, at, sizeof(at));
	}
}

/* Of links that were measured before the rows were filled: the host is what it was at these. */
static void take_over(struct seen seen[ARRAY_LEN(guesses)])
{
	const struct seen *fill = &seen[PENDING_IMAGES];
	struct seen *s = &seen[PENDING_DETACH];

	if (s->each <= 0 || fill->here <= 0 || strcmp(fill->at, s->at) <= 0)
		return;
	const struct eta_guess guess = eta_alike(
		(struct eta_guess){ s->each, s->doubt, false, guesses[PENDING_DETACH].each },
		fill->here / guesses[PENDING_IMAGES].each, 1);
	s->each = guess.each;
	s->doubt = guess.doubt;
}

void manifest_forecast_recall(struct manifest_job *j)
{
	AUTO_CALIBRATIONS struct calibrations c = { 0 };
	struct seen seen[ARRAY_LEN(guesses)] = { 0 };
	double slower = 0, n = 0;
	struct err ignored;

	if (!calibration_read(j->control, NULL, "cost", LOOK_BACK, &c, &ignored))
		return;
	look_at_runs(j, &c, seen);
	look_at_estimate(j, seen);
	take_over(seen);
	for (size_t k = PENDING_LOST_IMAGES; k < ARRAY_LEN(guesses); k++) {
		j->cost[k].each = seen[k].each;
		j->cost[k].doubt = seen[k].doubt;
		if (seen[k].here > 0) {
			slower += log(seen[k].here / guesses[k].each);
			n++;
		}
	}
	j->slower = n > 0 ? exp(slower / n) : 0;
}

static struct eta_guess guess_of(const struct manifest_job *j, enum pending_kind kind)
{
	struct eta_guess ret = { guesses[kind].each, guess_doubt, kind != PENDING_DETACH,
				 guesses[kind].each };

	if (j->cost[kind].each > 0) {
		ret.each = j->cost[kind].each;
		ret.doubt = j->cost[kind].doubt;
	} else if (j->slower > 0) {
		ret.each *= j->slower;
		ret.doubt = alike_doubt;
	}
	return ret;
}

static int64_t known(const struct manifest_job *j, enum pending_kind kind)
{
	switch (kind) {
	case PENDING_LOST:
	case PENDING_LOST_IMAGES:
		return j->known.lost;
	case PENDING_IMAGES:
		return j->known.images;
	case PENDING_LISTS:
		return j->known.lists;
	case PENDING_DETACH:
		return j->known.detach;
	case PENDING_LOST_LISTS:
		break;
	}
	return 0;
}

static char *sample_sql(const char *pending)
{
	return xasprintf(
		"SELECT avg(coalesce(sa.size, 0) + coalesce(sb.size, 0)) FROM (SELECT m.content_ptr_id, m.config_blob_id"
		" FROM container_manifest m WHERE %s AND m.content_ptr_id >= r.lo AND m.content_ptr_id <= r.hi"
		" ORDER BY m.content_ptr_id LIMIT 40) s"
		" LEFT JOIN core_contentartifact sc ON sc.content_id = s.content_ptr_id"
		" LEFT JOIN core_artifact sa ON sa.pulp_id = sc.artifact_id"
		" LEFT JOIN core_contentartifact sd ON sd.content_id = s.config_blob_id"
		" LEFT JOIN core_artifact sb ON sb.pulp_id = sd.artifact_id",
		pending);
}

void manifest_forecast_phase(const struct manifest_job *j, enum pending_kind kind,
			     const char *pending, struct batch_phase *ret)
{
	ret->expected = known(j, kind);
	ret->usual_bytes = guesses[kind].bytes;
	ret->guess = guess_of(j, kind);
	ret->firsts = (struct eta_firsts){ artifact_pages(j), guesses[kind].first };
	ret->growth = guesses[kind].growth;
	/* What was lost has no link to go by. */
	ret->sample_sql =
		kind == PENDING_IMAGES || kind == PENDING_LISTS ? sample_sql(pending) : NULL;
}

static int work(const struct manifest_job *j, struct batch_ahead *a, enum pending_kind kind,
		int64_t rows)
{
	*a = (struct batch_ahead){ .name = guesses[kind].name,
				   .rows = (double)rows,
				   .guess = guess_of(j, kind),
				   .firsts = { forecast_firsts_of((double)rows, artifact_pages(j)),
					       guesses[kind].first },
				   .growth = (double)rows *
					     (guesses[kind].growth.row +
					      guesses[kind].growth.share * guesses[kind].bytes) };
	return rows > 0;
}

/* Services that are online get a grace between fill and detach. */
static double grace(const struct manifest_job *j)
{
	struct pulp_services online;
	struct err ignored;
	double seconds = 0;

	if (!pulp_services_online(j->control, &j->schema, &j->actor->look->place, &online,
				  &ignored) ||
	    online.workers + online.api + online.content == 0 ||
	    !config_seconds(j->actor->look->config, "pre-migrate.grace", &seconds, &ignored))
		return 0;
	return seconds;
}

/* Counted before the step, or as the statistics have it. */
static double manifests(const struct manifest_job *j)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct err ignored;

	if (j->known.manifests > 0)
		return (double)j->known.manifests;
	if (!pg_query(
		    j->control,
		    "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'container_manifest'::regclass",
		    NULL, 0, &r, &ignored))
		return 0;
	return (double)pg_int(r, 0, 0);
}

int manifest_forecast_ahead(const struct manifest_job *j, enum pending_kind last,
			    struct batch_ahead ret[MANIFEST_AHEAD])
{
	int64_t filled = 0;
	int n = 0;

	if (last < PENDING_IMAGES && j->follows & FOLLOWS_FILL) {
		n += work(j, &ret[n], PENDING_IMAGES, j->known.images);
		n += work(j, &ret[n], PENDING_LISTS, j->known.lists);
	}
	if (last < PENDING_DETACH) {
		filled = j->known.lost + j->known.images + j->known.lists + j->known.detach;
		if (j->follows & FOLLOWS_DETACH && filled > 0) {
			double seconds = grace(j);
			if (seconds > 0)
				ret[n++] = (struct batch_ahead){ .seconds = seconds };
			ret[n++] = (struct batch_ahead){
				.seconds = fmax(j->slower, 1) *
					   (plan_least + plan_each * (double)filled),
				.guess = { .doubt = plan_doubt },
			};
			n += work(j, &ret[n], PENDING_DETACH, filled);
		}
	}
	if (j->follows & FOLLOWS_VACUUM) {
		double all = manifests(j);
		struct vacuum_cost v = vacuum_cost_recall(
			j->control, all, vacuum_rests(j->actor, j->control, &j->schema));
		ret[n++] = (struct batch_ahead){
			.seconds = vacuum_cost_here(&v, j->slower) + v.rests + proof_each * all,
			.guess = { .doubt = v.seen ? seen_vacuum_doubt : vacuum_doubt },
		};
	}
	return n;
}
