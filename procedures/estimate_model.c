/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What was counted and sampled as strata, blocks and parts of lib/pace/estimate.  What no sample
 * can show is measured once and for all (PostgreSQL 15, 40,000 ordinary images) and put right by
 * the history of this host.
 */
#include "lib/core/mem.h"
#include "procedures/manifest_estimate.h"
#include "procedures/manifest_forecast.h"
#include "procedures/procedures.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* How well it is known what a row takes on a host nobody has seen. */
static const double prior_spread = 0.7;
static const double ordinary = 4500;	/* bytes of an image whose own are not known */
static const double known_spread = 0.3; /* the same when earlier runs say it */
static const double begin = 0.05;	/* seconds: settings, sessions, schema */
static const double begin_step = 0.05;	/* the same for a step with workers */
static const double counts = 2;		/* so often all is counted beside the plans */
/* A run takes its keys in order, more of them at once, and reads ahead with threads of their own,
 * while a sample jumps and waits: of the time that the sample takes for it so much is left.  Of 40
 * to 49 us that a row's fetch took in samples from memory, 17 to 19; from a cold disk, of 113 to
 * 133 us, 25 to 28. */
static const double in_order = 0.4, read_ahead = 0.4;
/*
 * An artifact's row has no room on a full page for another version while its own is alive, which in
 * a sample it always is: all its indexes are written.  In a run room is made by the row before it,
 * and most updates touch no index.
 */
static const double with_room = 0.52;
/* So many counts take the plan of a step and what stands around its batches. */
static const double fill_plan = 2.2, detach_plan = 3.3;
/* Bytes that a row leaves beside its data: a new version of it and of its artifact's row, and
 * entries of their indexes.  Of the data so much is left where it is compressed. */
static const double disk_row = 1300, disk_share = 0.6, wal_row = 2300;

struct model {
	struct estimate_stratum strata[2 * ESTIMATE_GROUPS + 1];
	struct estimate_part parts[PARTS];
	struct estimate_block *blocks;
	size_t n_strata, n_blocks;
	double took, usual; /* seconds of the sampled rows: here, and as is thought */
};

/* Reading is what the sample has shown in any case. */
static double read_row(const struct sample *s, int part)
{
	double rows = 0, seconds = 0;

	for (size_t i = 0; i < s->n; i++) {
		const struct sample_block *b = &s->block[i];
		if (b->part != part || isnan(b->fetch))
			continue;
		rows += (double)b->rows;
		seconds += b->fetch + b->load;
	}
	return rows > 0 ? seconds / rows : 0;
}

static void add_stratum(struct model *m, int part, double rows, double page_rows, double prior,
			const struct history *h, double read, double workers)
{
	bool seen = !isnan(h->busy), known = !isnan(h->row);

	m->strata[m->n_strata++] = (struct estimate_stratum){
		.part = part,
		.rows = rows,
		.firsts = rows / fmax(1, page_rows),
		.prior = fmax(seen    ? h->busy
			      : known ? h->row * workers
				      : prior,
			      read),
		.prior_spread = seen || known ? known_spread : prior_spread,
	};
}

static void add_block(struct model *m, size_t stratum, double rows, double seconds, double first,
		      double usual)
{
	if (isnan(seconds))
		return;
	m->took += seconds;
	m->usual += usual;
	m->blocks[m->n_blocks++] = (struct estimate_block){
		.stratum = (int)stratum, .rows = rows, .seconds = seconds, .first = first
	};
}

static double either(double again, double first)
{
	return isnan(again) ? first : again;
}

/*
 * What these rows would take as a part of a batch of the run's own size.  A block is smaller, and
 * every batch takes something beside its rows: what one row alone takes tells.  It also ends with a
 * commit, and touches the lease and the checkpoint.
 */
static double of_batch(double seconds, double one, double commit, double batch_rows, double rows)
{
	double row = rows > 1 ? (seconds - one) / (rows - 1) : seconds;

	row = fmax(row, seconds / rows / 4);
	return rows * (row + fmax(0, one - row) / batch_rows +
		       (isnan(commit) ? 0 : 2 * commit / batch_rows));
}

static void add_group(struct model *m, const struct manifest_estimate *e,
		      const struct estimate_group *g, int index, const struct estimate_facts *f)
{
	const struct sample *s = &e->sample;
	double workers = e->writers;
	bool fills = g->kind != PENDING_DETACH;
	size_t fill = m->n_strata, detach = fill + fills;

	bool lists = g->kind == PENDING_LISTS;
	if (fills)
		add_stratum(m, lists ? PART_LISTS : PART_IMAGES, g->rows, f->page_rows,
			    manifest_forecast_usual(g->kind, 1, g->bytes / fmax(1, g->rows)),
			    lists ? &f->lists : &f->images, read_row(s, index), workers);
	add_stratum(m, PART_DETACH, g->rows, f->page_rows,
		    manifest_forecast_usual(PENDING_DETACH, 1, 0), &f->detach, 0, workers);
	for (size_t i = 0; i < s->n; i++) {
		const struct sample_block *b = &s->block[i];
		double rows = (double)b->rows;
		if (b->part != index)
			continue;
		if (fills)
			add_block(m, fill, rows,
				  of_batch(in_order * b->fetch + read_ahead * b->load +
						   either(b->fill, b->fill_first),
					   in_order * s->one_read + s->one_fill, s->commit,
					   f->batch_rows, rows),
				  b->fill_first - b->fill,
				  manifest_forecast_usual(g->kind, rows, (double)b->bytes));
		add_block(m, detach, rows,
			  with_room * of_batch(either(b->detach, b->detach_first), s->one_detach,
					       s->commit_flushed, f->detach_rows, rows),
			  b->detach_first - b->detach,
			  manifest_forecast_usual(PENDING_DETACH, rows, 0));
	}
}

/* Rows that are recovered first cost what images cost, and have no link to drop. */
static void add_lost(struct model *m, const struct manifest_estimate *e,
		     const struct estimate_facts *f)
{
	if (e->lost > 0)
		add_stratum(m, PART_IMAGES, (double)e->lost, f->page_rows,
			    manifest_forecast_usual(PENDING_LOST_IMAGES, 1, ordinary), &f->images,
			    0, e->writers);
}

static void add_parts(struct model *m, const struct manifest_estimate *e,
		      const struct estimate_facts *f)
{
	bool fills = e->fill + e->lost > 0, detaches = e->fill + e->filled > 0;
	double step = begin_step + e->sample.session;
	double slower = m->usual > 0 ? m->took / m->usual : 1;

	m->parts[PART_AROUND] = (struct estimate_part){ .fixed = begin + counts * f->count };
	m->parts[PART_FILL_STEP] =
		(struct estimate_part){ .fixed = fills ? step + fill_plan * f->count : 0,
					.sigma = f->images.sigma };
	m->parts[PART_IMAGES] = (struct estimate_part){ .workers = e->writers,
							.mu = f->images.mu,
							.sigma = f->images.sigma };
	m->parts[PART_LISTS] = (struct estimate_part){ .workers = e->writers,
						       .mu = f->lists.mu,
						       .sigma = f->lists.sigma };
	m->parts[PART_DETACH] = (struct estimate_part){
		.fixed = detaches ? step + detach_plan * f->count : 0,
		.workers = e->writers,
		.mu = f->detach.mu,
		.sigma = f->detach.sigma,
	};
	if (f->vacuum)
		m->parts[PART_VACUUM] =
			(struct estimate_part){ .fixed = vacuum_cost_here(&f->vacuum_cost, slower),
						.sigma = known_spread };
}

/* Of the blocks in which it was seen. */
static double mean(const struct sample *s, size_t what)
{
	double rows = 0, sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		double v;

		memcpy(&v, (const char *)&s->block[i] + what, sizeof(v));
		if (isnan(v))
			continue;
		rows += (double)s->block[i].rows;
		sum += v;
	}
	return rows > 0 ? sum / rows : NAN;
}

void manifest_estimate_row(const struct manifest_estimate *e, struct row_cost *ret)
{
	const struct sample *s = &e->sample;

	*ret = (struct row_cost){ .fetch = mean(s, offsetof(struct sample_block, fetch)),
				  .read = mean(s, offsetof(struct sample_block, reading)),
				  .hash = mean(s, offsetof(struct sample_block, hashing)),
				  .parse = mean(s, offsetof(struct sample_block, parsing)),
				  .write = mean(s, offsetof(struct sample_block, fill)),
				  .detach = mean(s, offsetof(struct sample_block, detach)),
				  .wal = s->wal,
				  .wal_images = fmax(0, s->wal_first - s->wal) };
}

static void estimate_bytes(struct manifest_estimate *e, const struct estimate_facts *f)
{
	double stored = 0, rows = (double)(e->fill + e->lost + e->filled);

	for (size_t i = 0; i < e->strata.n; i++) {
		const struct stratum *s = &e->strata.item[i];
		e->bytes += s->state == STRATUM_DETACH ? 0 : s->bytes;
		stored += s->state == STRATUM_DETACH ? 0 : (double)s->stored;
	}
	e->disk_bytes = disk_row * rows + disk_share * stored;
	double row = e->sample.wal, first = e->sample.wal_first;
	if (isnan(row))
		e->wal_bytes = wal_row * rows + disk_share * stored;
	else
		e->wal_bytes = with_room * row * rows +
			       fmax(0, first - row) * rows / fmax(1, f->page_rows);
}

/* What a run begins with: without what is there beside the rows. */
static void find_busy(const struct model *m, struct manifest_estimate *e)
{
	for (size_t i = 0; e->sample.wrote && i < m->n_blocks; i++)
		e->busy[m->strata[m->blocks[i].stratum].part] = 1;
	for (int p = 0; p < PARTS; p++) {
		const struct estimate_part *of = &m->parts[p];
		e->busy[p] *= of->workers * fmax(0, e->time.part[p].p50 - of->fixed * exp(of->mu));
	}
	/* Rows that are recovered first have no line of their own. */
	e->busy[PART_IMAGES] *=
		(double)(e->fill - e->lists) / fmax(1, (double)(e->fill - e->lists + e->lost));
}

void estimate_model(const struct estimate_group *g, size_t n, const struct estimate_facts *f,
		    struct manifest_estimate *e)
{
	struct model m = { .blocks = xcalloc(2 * e->sample.n + 1, sizeof(*m.blocks)) };

	for (size_t i = 0; i < n; i++)
		add_group(&m, e, &g[i], (int)i, f);
	add_lost(&m, e, f);
	add_parts(&m, e, f);
	const struct estimate_input in = { .strata = m.strata,
					   .blocks = m.blocks,
					   .parts = m.parts,
					   .n_strata = m.n_strata,
					   .n_blocks = m.n_blocks,
					   .n_parts = PARTS,
					   .duty = e->duty,
					   .waits = e->grace +
						    (f->vacuum ? f->vacuum_cost.rests : 0) };
	estimate_make(&in, 1, &e->time);
	find_busy(&m, e);
	estimate_bytes(e, f);
	e->runs = f->images.runs > f->detach.runs ? f->images.runs : f->detach.runs;
	free(m.blocks);
}
