/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the journal to the ledger, and back as a regime; foretold.h says why. */
#include "procedures/foretold.h"
#include "lib/batch/calibration.h"
#include "lib/core/journal.h"
#include "lib/core/log.h"
#include "lib/core/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	RUNS = 20,	/* that are looked at */
	LEAST_ROWS = 30 /* of a phase that says what its rows cost, and not what a step does */
};
static const double alike = 2;	      /* rows of an estimate and its run differ by less */
static const double throttled = 0.98; /* a duty below it was the throttle's doing */
static const char event[] = "estimate";

/* A copy of the database has another oid, a restored one another cluster. */
static char *database(struct pg *db, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT format('%s-%s', (SELECT system_identifier FROM pg_control_system()), oid)"
		    " FROM pg_database WHERE datname = current_database()",
		    NULL, 0, &r, err))
		return NULL;
	return xstrdup(pg_text(r, 0, 0));
}

static const char *state_dir(const struct manifest_job *j)
{
	return config_get(j->actor->look->config, "general.state_dir");
}

struct number {
	char s[32];
};

static const char *text_of(double v, struct number *n)
{
	snprintf(n->s, sizeof(n->s), "%.9g", v);
	return n->s;
}

static bool keep(const struct manifest_job *j, const struct foretold *f, size_t n, struct err *err)
{
	AUTO_FREE char *about = database(j->control, err);
	struct journal *journal;
	bool ok = true;

	if (!about || !journal_open(state_dir(j), j->actor->run_id, &journal, err))
		return false;
	for (size_t i = 0; ok && i < n; i++) {
		if (f[i].rows == 0)
			continue;
		struct number t[5];
		const struct field fields[] = { F_TEXT("database", about),
						F_TEXT("job", f[i].job),
						F_TEXT("phase", f[i].phase),
						F_INT("rows", f[i].rows),
						F_TEXT("raw", text_of(f[i].raw, &t[0])),
						F_TEXT("p10", text_of(f[i].seconds.p10, &t[1])),
						F_TEXT("p50", text_of(f[i].seconds.p50, &t[2])),
						F_TEXT("p90", text_of(f[i].seconds.p90, &t[3])),
						F_TEXT("busy", text_of(f[i].busy, &t[4])),
						F_INT("bytes", f[i].bytes),
						F_END };
		ok = journal_add(journal, event, fields, err);
	}
	journal_close(journal);
	return ok;
}

void foretold_keep(const struct manifest_job *j, const struct foretold *f, size_t n)
{
	struct err why;

	if (!keep(j, f, n, &why))
		log_verbose("no run will be held against this estimate: %s", why.text);
}

struct search {
	const char *database, *job, *phase;
	struct foretold found;
	char at[32];
};

static double number(const struct journal_line *l, const char *key)
{
	const char *text = journal_value(l, key);
	double v = text ? strtod(text, NULL) : NAN;

	return isfinite(v) && v >= 0 ? v : NAN;
}

static void look(void *arg, const struct journal_line *l)
{
	struct search *s = arg;
	const char *about = journal_value(l, "database"), *job = journal_value(l, "job");
	const char *phase = journal_value(l, "phase");
	double rows = number(l, "rows");

	if (strcmp(l->event, event) != 0 || !about || !job || strcmp(about, s->database) != 0 ||
	    strcmp(job, s->job) != 0 || strcmp(phase ? phase : "", s->phase) != 0 || !(rows > 0) ||
	    !(number(l, "raw") > 0))
		return;
	double busy = number(l, "busy"), bytes = number(l, "bytes");
	s->found = (struct foretold){ .job = s->job,
				      .phase = s->phase,
				      .rows = (int64_t)rows,
				      .seconds = { number(l, "p10"), number(l, "p50"),
						   number(l, "p90") },
				      .raw = number(l, "raw"),
				      .busy = busy > 0 ? busy : 0,
				      .bytes = bytes >= 0 ? (int64_t)bytes : -1 };
	snprintf(s->at, sizeof(s->at), "%s", l->time);
}

bool foretold_last(const struct manifest_job *j, const char *job, const char *phase,
		   struct foretold *ret, char at[32], struct err *err)
{
	AUTO_FREE char *about = database(j->control, err);
	struct search s = { .database = about, .job = job, .phase = phase };
	size_t damaged;

	if (!about || !journal_read(state_dir(j), look, &s, &damaged, err))
		return false;
	*ret = s.found;
	memcpy(at, s.at, sizeof(s.at));
	return true;
}

/* The last estimate becomes an entry, for as many rows as the run had.  phase: "" or one's name. */
static bool last_estimate(const struct manifest_job *j, const char *label, const char *phase,
			  int64_t rows, struct calibration *c, bool *any, struct err *err)
{
	struct foretold found;
	char at[32];

	if (!foretold_last(j, label, phase, &found, at, err))
		return false;
	double more = *at ? (double)rows / (double)found.rows : 0;
	*any = more > 1 / alike && more < alike;
	if (!*any)
		return true;
	*c = calibration_about(label, "estimate");
	c->phase = phase;
	c->p10 = found.seconds.p10 * more;
	c->p50 = found.seconds.p50 * more;
	c->p90 = found.seconds.p90 * more;
	c->seconds = found.raw * more;
	c->rows = rows;
	return true;
}

/*
 * c[0] is the run, c[1..costs] what its phases cost, then come the job's estimate and those of its
 * phases.  What the job was foretold beside them it takes beside them; of the rest a phase has as
 * much as of the writers' work.
 */
static void share_out(struct calibration *c, size_t costs, size_t n)
{
	double beside = n > costs ? c[costs + 1].seconds : 0;

	for (size_t i = costs + 2; i <= n; i++)
		beside -= c[i].seconds;
	for (size_t i = costs + 2; i <= n; i++)
		for (size_t k = 1; k <= costs; k++)
			if (strcmp(c[i].phase, c[k].phase) == 0)
				c[i].actual =
					fmax(c[0].actual - fmax(beside, 0), 0.1 * c[0].actual) *
					c[k].seconds / fmax(c[0].seconds, 1e-9);
}

/* The run, and after it what its phases cost; returns how many these are. */
static size_t add_costs(const struct batch_job *job, const struct batch_result *res,
			struct calibration *c)
{
	size_t n = 0;

	c[0] = calibration_about(job->label, "run");
	c[0].rows = res->rows;
	c[0].bytes = res->bytes;
	c[0].actual = fmax(0, res->seconds - res->rested);
	c[0].duty = res->seconds > 0 ? c[0].actual / res->seconds : 1;
	c[0].seconds = 0;
	for (int i = 0; i < job->n_phases && i < BATCH_PHASES; i++) {
		const struct phase_cost *cost = &res->cost[i];
		c[0].seconds += cost->busy;
		if (cost->rows == 0)
			continue;
		c[++n] = calibration_about(job->label, "cost");
		c[n].phase = job->phases[i].name;
		c[n].rows = cost->rows;
		c[n].bytes = cost->bytes;
		c[n].seconds = cost->busy;
		if (cost->busy > 0)
			c[n].duty = fmax(1 - cost->waited / cost->busy, 0);
	}
	return n;
}

static bool compare(const struct manifest_job *j, const struct batch_job *job,
		    const struct batch_result *res, struct err *err)
{
	struct calibration c[2 * BATCH_PHASES + 2];
	const size_t costs = add_costs(job, res, c);
	size_t n = costs;
	bool any;

	if (!last_estimate(j, job->label, "", res->rows, &c[n + 1], &any, err))
		return false;
	if (any)
		c[++n].actual = c[0].actual;
	for (size_t i = 1; any && i <= costs && job->n_phases > 1; i++) {
		if (!last_estimate(j, job->label, c[i].phase, c[i].rows, &c[n + 1], &any, err))
			return false;
		n += any;
	}
	/* Of a mix that has become another only the whole can be compared. */
	if (n > costs + 1 && !any)
		n = costs + 1;
	share_out(c, costs, n);
	for (size_t i = 0; i <= n; i++) {
		c[i].run = res->run;
		if (i > costs)
			c[i].duty = c[0].duty;
	}
	return calibration_write(&j->ledger, j->control, c, n + 1, err);
}

void foretold_compare(const struct manifest_job *j, const struct batch_job *job,
		      const struct batch_result *res)
{
	struct err why;

	if (!j->ledger.shared || j->setup.dry_run || j->setup.max_rows > 0 || res->joined ||
	    res->stopped || res->nothing || res->rows == 0)
		return;
	if (!compare(j, job, res, &why))
		log_verbose("what this took is not kept: %s", why.text);
}

static int ascending(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

static double median(double *v, size_t n)
{
	if (n == 0)
		return NAN;
	qsort(v, n, sizeof(*v), ascending);
	return v[n / 2];
}

/* How many times longer it took than was foretold, as logarithms, the newest first. */
static size_t ratios_of(const struct calibrations *estimates, const char *phase, double ret[RUNS])
{
	size_t n = 0;

	for (size_t i = 0; i < estimates->n && n < RUNS; i++) {
		const struct calibration *c = &estimates->item[i];
		if (strcmp(c->phase, phase) == 0 && c->actual > 0 && c->seconds > 0 &&
		    (!*phase || c->rows >= LEAST_ROWS))
			ret[n++] = log(c->actual / c->seconds);
	}
	return n;
}

static double busy_row(const struct calibrations *costs, const char *phase)
{
	double row[RUNS];
	size_t n = 0;

	for (size_t i = 0; i < costs->n && n < RUNS; i++) {
		const struct calibration *c = &costs->item[i];
		if (strcmp(c->phase, phase) == 0 && c->seconds > 0 && c->rows >= LEAST_ROWS)
			row[n++] = c->seconds / (double)c->rows;
	}
	return median(row, n);
}

bool foretold_history(struct pg *db, const char *job, const char *phase, struct history *ret,
		      struct err *err)
{
	AUTO_CALIBRATIONS struct calibrations estimates = { 0 }, runs = { 0 }, costs = { 0 };
	double ratio[RUNS], row[RUNS], duty[RUNS];
	size_t ratios, rows = 0, duties = 0;

	if (!calibration_read(db, job, "estimate", RUNS * (BATCH_PHASES + 1), &estimates, err) ||
	    !calibration_read(db, job, "cost", RUNS * BATCH_PHASES, &costs, err) ||
	    !calibration_read(db, job, "run", RUNS, &runs, err))
		return false;
	ratios = ratios_of(&estimates, phase, ratio);
	if (ratios == 0)
		ratios = ratios_of(&estimates, "", ratio);
	for (size_t i = 0; i < runs.n; i++) {
		const struct calibration *c = &runs.item[i];
		if (c->actual > 0 && c->rows > 0)
			row[rows++] = c->actual / (double)c->rows;
		if (c->duty > 0 && c->duty < throttled)
			duty[duties++] = c->duty;
	}
	*ret = (struct history){ .runs = runs.n,
				 .row = median(row, rows),
				 .busy = busy_row(&costs, phase) };
	estimate_regime(ratio, ratios, &ret->mu, &ret->sigma);
	ret->duty = estimate_quantiles(duty, duties);
	return true;
}
