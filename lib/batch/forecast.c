/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the ledger's counts and the batches' times to what people are told.  Rows of one phase
 * differ in size, and a plan samples the sizes of each range: what is left may be larger than what
 * was.
 */
#include "lib/batch/forecast.h"
#include "lib/batch/calibration.h"
#include "lib/batch/run.h"
#include "lib/core/clock.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include "lib/pace/wall.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a row's cost so much grows with its bytes. */
static const double bytes_share = 0.3;
static const double patience = 5; /* seconds */
/* Of a writer's time; the rest goes on leases, and on waiting for the others at the end.  Where it
 * rests these lie within its rests: at half of the time eleven recorded fills worked in 0.49 to
 * 0.51 of it, and their detaches in 0.53 to 0.55. */
static const double at_work = 0.93;
static const double rate_while = 4; /* seconds over which the rate is a mean */

double forecast_units(double usual_bytes, double rows, double bytes)
{
	if (usual_bytes <= 0)
		return rows;
	return (1 - bytes_share) * rows + bytes_share * bytes / usual_bytes;
}

static double units_of(const struct batch_phase *p, double rows, double bytes)
{
	return forecast_units(p->usual_bytes, rows, bytes);
}

static double growth_of(const struct batch_phase *p, double rows, double bytes)
{
	return p->growth.row * rows + p->growth.share * bytes;
}

double forecast_firsts_of(double rows, double pages)
{
	return pages > 0 ? pages * (1 - exp(-rows / pages)) : 0;
}

double forecast_pace(int writers, double duty)
{
	return writers * fmin(duty, at_work);
}

static struct eta_firsts firsts_of(const struct batch_phase *p, double rows)
{
	return (struct eta_firsts){ forecast_firsts_of(rows, p->firsts.n), p->firsts.times };
}

void forecast_open(struct run *r)
{
	struct forecast *f = &r->forecast;
	const struct batch_job *job = r->job;

	if (r->setup->trace_file && !(r->trace = fopen(r->setup->trace_file, "ae")))
		log_warning("no trace is written: '%s' cannot be opened", r->setup->trace_file);
	eta_start(&f->eta,
		  forecast_pace(r->setup->writers,
				control_value(r->setup->steer, KNOB_duty, r->setup->duty)));
	for (int i = 0; i < job->n_phases; i++)
		(void)eta_add(&f->eta, (double)job->phases[i].expected, job->phases[i].guess,
			      firsts_of(&job->phases[i], (double)job->phases[i].expected));
	for (int i = 0; i < job->n_ahead; i++) {
		const struct batch_ahead *a = &job->ahead[i];
		if (a->seconds > 0)
			(void)eta_add_aside(&f->eta, a->seconds, a->guess.doubt);
		else
			(void)eta_add(&f->eta, a->rows, a->guess, a->firsts);
	}
}

static size_t record_told(const struct run *r, struct calibration *c)
{
	const struct forecast *f = &r->forecast;

	for (int i = 0; i < f->n_told; i++) {
		c[i] = calibration_about(r->job->label, "eta");
		c[i].run = r->id;
		c[i].share = f->told[i].share;
		c[i].p10 = f->told[i].left.p10;
		c[i].p50 = f->told[i].left.p50;
		c[i].p90 = f->told[i].left.p90;
		c[i].actual = f->looked - f->told[i].worked;
	}
	return (size_t)f->n_told;
}

void forecast_close(struct run *r, bool over)
{
	struct calibration c[FORECAST_TOLD];
	struct err ignored;

	if (r->trace)
		fclose(r->trace);
	r->trace = NULL;
	if (!over || r->setup->dry_run || !pg_alive(r->setup->control))
		return;
	size_t n = record_told(r, c);
	if (n > 0 && !calibration_write(&r->setup->ledger, r->setup->control, c, n, &ignored))
		log_warning("%s", ignored.text);
}

bool forecast_count(struct run *r, struct counts *c, struct err *err)
{
	AUTO_ROWS struct pg_rows *rows = NULL;
	const struct batch_job *job = r->job;
	char id[24];

	snprintf(id, sizeof(id), "%lld", (long long)r->id);
	if (!ledger_query(
		    &r->setup->ledger, r->setup->control,
		    "SELECT phase, sum(done), sum(bytes), sum(of), sum(rest), sum(of * per)::float8, sum(rest * per)::float8"
		    " FROM (SELECT phase, done, bytes, CASE WHEN finished THEN done ELSE greatest(total, done) END AS of,"
		    " CASE WHEN finished THEN 0 ELSE greatest(total - done, 0) END AS rest, size / total AS per"
		    " FROM @.range WHERE run = $1::bigint AND total > 0) r GROUP BY phase",
		    (struct pg_param[]){ PG_P_TEXT(id) }, 1, &rows, err))
		return false;
	*c = (struct counts){ 0 };
	bool planned[FORECAST_PHASES] = { false };
	for (size_t i = 0; i < pg_rows_count(rows); i++) {
		int64_t p = pg_int(rows, i, 0), of = pg_int(rows, i, 3);
		if (p < 0 || p >= job->n_phases || p >= FORECAST_PHASES)
			continue;
		const struct batch_phase *phase = &job->phases[p];
		double rest = (double)pg_int(rows, i, 4);
		bool sized = !pg_is_null(rows, i, 5);
		planned[p] = true;
		c->done += c->phase[p].done = pg_int(rows, i, 1);
		c->bytes += pg_int(rows, i, 2);
		c->total += c->phase[p].rows = of;
		c->phase[p].total = units_of(phase, (double)of,
					     sized ? strtod(pg_text(rows, i, 5), NULL)
						   : (double)of * phase->usual_bytes);
		double bytes =
			sized ? strtod(pg_text(rows, i, 6), NULL) : rest * phase->usual_bytes;
		c->phase[p].left = units_of(phase, rest, bytes);
		c->phase[p].grows = growth_of(phase, rest, bytes);
	}
	for (int i = r->phase_index; i < job->n_phases && i < FORECAST_PHASES; i++) {
		if (planned[i] || job->phases[i].expected <= 0)
			continue;
		double left = (double)job->phases[i].expected;
		c->phase[i].total = c->phase[i].left = left;
		c->phase[i].grows =
			growth_of(&job->phases[i], left, left * job->phases[i].usual_bytes);
		c->total += job->phases[i].expected;
		c->estimated = true;
	}
	return true;
}

void forecast_add(const struct run *r, struct counts *c, int64_t rows, int64_t bytes)
{
	int p = r->phase_index < FORECAST_PHASES ? r->phase_index : FORECAST_PHASES - 1;
	double each = c->phase[p].rows > 0 ? c->phase[p].total / (double)c->phase[p].rows : 1;

	c->done += rows;
	c->bytes += bytes;
	c->phase[p].done += rows;
	double left = fmax(0, c->phase[p].left - each * (double)rows);
	c->phase[p].grows *= c->phase[p].left > 0 ? left / c->phase[p].left : 0;
	c->phase[p].left = left;
}

/* The throttle sees to it that the disk has room for what is left. */
static void tell_growth(struct run *r, const struct counts *c)
{
	double bytes = 0;

	for (int i = 0; i < r->job->n_phases && i < FORECAST_PHASES; i++)
		bytes += c->phase[i].grows;
	for (int i = 0; i < r->job->n_ahead; i++)
		bytes += r->job->ahead[i].growth;
	throttle_expect(r->throttle, bytes);
}

void forecast_begin(struct run *r, const struct counts *c)
{
	struct forecast *f = &r->forecast;

	tell_growth(r, c);

	f->phase = r->phase_index;
	f->done = c->phase[f->phase].done;
	r->first_rows = (struct first_rows){ 0 };
	/* Before its beginning, and in a pause, nobody stood still. */
	f->moved = clock_monotonic();
	if (f->at <= 0)
		f->at = f->moved;
}

size_t forecast_firsts(struct batch_row *const *rows, size_t n)
{
	size_t firsts = 0;

	for (size_t i = 0; i < n; i++)
		firsts += rows[i]->first;
	return firsts;
}

void forecast_window(struct run *r, const struct batch_window *w)
{
	size_t firsts = forecast_firsts(w->rows, w->n);

	pthread_mutex_lock(&r->lock);
	r->first_rows.fetched += (int64_t)w->n;
	r->first_rows.fetched_firsts += (int64_t)firsts;
	r->worked.work += w->took;
	pthread_mutex_unlock(&r->lock);
}

void forecast_batch(struct run *r, const struct batch *b)
{
	double work = clock_monotonic() - b->started, busy = work + b->before,
	       units = units_of(r->phase, (double)b->rows, (double)b->bytes);

	pthread_mutex_lock(&r->lock);
	r->sum.cost[r->phase_index].busy += busy;
	r->sum.cost[r->phase_index].waited += b->waited;
	r->worked.rows += (int64_t)b->rows;
	r->worked.units += units;
	r->worked.firsts += (double)b->firsts;
	r->worked.busy += busy;
	r->worked.work += work;
	r->worked.waited += b->waited;
	r->worked.batches++;
	r->worked.slowest = fmax(work, 0.99 * r->worked.slowest);
	r->first_rows.done += (int64_t)b->rows;
	r->first_rows.done_firsts += (int64_t)b->firsts;
	pthread_mutex_unlock(&r->lock);
	if (r->trace)
		fprintf(r->trace, "%.3f %.6g %zu %.6g %s\n", clock_monotonic(), units, b->firsts,
			busy, r->phase->name);
}

void forecast_hold(struct run *r)
{
	r->forecast.at = 0;
}

static struct worked take_worked(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	struct worked w = r->worked;
	r->worked = (struct worked){ .slowest = w.slowest };
	pthread_mutex_unlock(&r->lock);
	return w;
}

static void learn_rate(struct forecast *f, double seconds, double rows)
{
	if (seconds <= 0)
		return;
	double fade = exp(-seconds / rate_while);
	f->rate_weight = f->rate_weight * fade + 1 - fade;
	f->rate += (rows / seconds - f->rate) * (1 - fade) / f->rate_weight;
}

/* Those of the windows that were fetched are known; of the rows beyond them as many as there were
 * in these, but of each page one at most. */
static double firsts_left(struct run *r, double rows)
{
	double pages = r->phase->firsts.n;

	pthread_mutex_lock(&r->lock);
	const struct first_rows n = r->first_rows;
	pthread_mutex_unlock(&r->lock);
	double known = (double)(n.fetched_firsts - n.done_firsts);
	double beyond = fmax(rows - (double)(n.fetched - n.done), 0);
	double unseen = fmax(pages - (double)n.fetched_firsts, 0);
	double share = n.fetched > 0 ? (double)n.fetched_firsts / (double)n.fetched : 1;
	double most = pages > 0	      ? unseen / pages * forecast_firsts_of(beyond, pages)
		      : n.fetched > 0 ? beyond
				      : 0;

	return fmax(known, 0) + fmin(share * beyond, most);
}

/* Also before the first batch: a phase that was planned just now has them all before it. */
static void count_firsts(struct run *r, const struct counts *c)
{
	int p = r->phase_index;

	if (r->phase->firsts.times > 0)
		eta_count_firsts(&r->forecast.eta, p, firsts_left(r, c->phase[p].left));
}

/* What was done and is no batch yet counts with the next. */
static void put_back(struct run *r, const struct worked *own)
{
	pthread_mutex_lock(&r->lock);
	r->worked.work += own->work;
	pthread_mutex_unlock(&r->lock);
}

static void learn(struct run *r, const struct counts *c, double now)
{
	struct forecast *f = &r->forecast;
	struct worked own = take_worked(r);
	int p = r->phase_index;
	int64_t rows = p == f->phase ? c->phase[p].done - f->done : c->phase[p].done;
	double each = own.rows > 0 ? own.units / (double)own.rows : 1;

	rows = rows > 0 ? rows : 0;
	for (int i = 0; i < r->job->n_phases && i < FORECAST_PHASES; i++)
		eta_count(&f->eta, i, c->phase[i].total, c->phase[i].left);
	/* Batches count when they end: until one does, nobody knows that nothing is done. */
	if (rows == 0 && own.batches == 0 && f->at > 0 && now - f->at < patience) {
		put_back(r, &own);
		count_firsts(r, c);
		return;
	}
	if (f->at > 0) {
		eta_pass(&f->eta, &(struct eta_step){ .part = p,
						      .seconds = now - f->at,
						      .units = each * (double)rows,
						      .own = own.units,
						      .firsts = own.firsts,
						      .busy = own.busy,
						      .batches = own.batches,
						      .work = own.work,
						      .waited = own.waited });
		learn_rate(f, now - f->at, (double)rows);
		f->looked += now - f->at;
	}
	count_firsts(r, c);
	if (rows > 0)
		f->moved = now;
	f->at = now;
	f->phase = p;
	f->done = c->phase[p].done;
}

/* Of the job alone: when the whole scenario ends is not for us to know. */
static void foretell(struct run *r)
{
	static const double shares[FORECAST_TOLD] = { 0.10, 0.25, 0.50, 0.75 };
	struct forecast *f = &r->forecast;
	double share = eta_share(&f->eta, r->job->n_phases);

	while (f->n_told < FORECAST_TOLD && share >= shares[f->n_told]) {
		f->told[f->n_told].share = share;
		f->told[f->n_told].worked = f->looked;
		f->told[f->n_told++].left = eta_left(&f->eta, r->job->n_phases);
	}
}

/* Seconds of work become seconds until the end: closed windows lie between.  end: in words. */
static void until_end(const struct calendar *windows, double wall, struct eta_range *e, char *end,
		      size_t size)
{
	double *const all[] = { &e->p10, &e->p50, &e->p90 };

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		double at = calendar_after(windows, wall, *all[i]);
		if (isfinite(at))
			*all[i] = at - wall;
	}
	wall_in_words(wall + e->p50, wall, end, size);
}

void forecast_tell(struct run *r, const struct counts *c)
{
	struct forecast *f = &r->forecast;
	const struct decision *d = throttle_decision(r->throttle);
	char reason[256] = "", end[64] = "";
	AUTO_STRBUF struct strbuf lost = { 0 };
	struct named lost_by[THROTTLE_REASONS + 1];
	double wall = clock_wall(), now = clock_monotonic();
	double seen = NAN, limit = NAN;

	f->eta.moods = r->throttle != NULL;
	f->eta.slowed = d && d->reason > SLOW_USER;
	tell_growth(r, c);
	learn(r, c, now);
	foretell(r);
	unsigned state = (unsigned)r->phase_index + (d ? 16U * d->reason : 0);
	struct eta_range e = eta_show(&f->eta, eta_left(&f->eta, f->eta.parts), now, state);
	until_end(&r->setup->schedule.windows, wall, &e, end, sizeof(end));
	if (isfinite(r->setup->schedule.deadline))
		run_watch_deadline(r, &e, end);
	throttle_lost(r->throttle, &lost);
	throttle_lost_by(r->throttle, lost_by);
	throttle_felt(r->throttle, &seen, &limit);
	if (d)
		decision_in_words(d, reason, sizeof(reason));
	bool stalled = run_stalled(r, reason, sizeof(reason));
	const struct field fields[] = {
		F_TEXT("label", r->job->label),
		F_TEXT("phase", r->phase->name),
		F_INT("done", c->done),
		F_INT("total", c->total),
		F_BOOL("estimated", c->estimated),
		F_INT("bytes", c->bytes),
		F_REAL("rate", f->rate > 0 ? f->rate : NAN),
		F_REAL("duty", atomic_load(&r->duty)),
		F_REAL("held", r->setup->steer->held),
		F_REAL("felt", seen),
		F_REAL("felt_limit", limit),
		F_TEXT("lost", lost.data),
		{ .key = "lost_by", .kind = FIELD_MAP, .v.map = lost_by },
		*reason ? (struct field)F_TEXT("reason", reason) : (struct field)F_NULL("reason"),
		F_BOOL("stalled", stalled),
		F_TEXT("end", end),
		{ .key = "eta", .kind = FIELD_RANGE, .v.range = { e.p10, e.p50, e.p90 } },
		F_END
	};
	emit(r->setup->reporter, "progress", fields);
	control_tell_progress(r->setup->steer, r->setup->control, fields);
}
