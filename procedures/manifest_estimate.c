/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts, samples, and asks the host and its history; estimate_model.c makes times of it. */
#include "procedures/manifest_estimate.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/pressure.h"
#include "lib/pulp/cache_keys.h"
#include "lib/pulp/live.h"
#include "procedures/manifest_throttle.h"
#include "procedures/procedures.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>

/* An estimate takes five seconds, or a hundredth of the work where that is more. */
static const double least_time = 5, share_of_work = 0.01, rough_row = 100e-6;
/* Of that time: then all must be counted, or else pages of it; the sample has the rest. */
static const double count_share = 0.5, pages_share = 0.75;
/* What a throttle leaves where none has been at work on this host. */
static const struct quantiles assumed_duty = { 0.3, 0.7, 0.95 };

/* Ends a statement of the control session when an operator wants something else, or is late. */
struct limit {
	struct listener *listener; /* NULL: there is none */
	double began, most;	   /* on the monotonic clock; seconds in all */
	double until;
	bool late;
};

static bool limit_reached(void *arg)
{
	struct limit *l = arg;

	l->late |= clock_monotonic() >= l->until;
	return l->late || (l->listener && listener_hears(l->listener));
}

static void limit_to(struct limit *l, double share)
{
	l->until = l->began + share * l->most;
	l->late = false;
}

static bool fail_late(const struct limit *l, struct err *err)
{
	(void)err_set(err, ERR_TIMEOUT, "what is pending could not be counted in %.0f s",
		      pages_share * l->most);
	return err_hint(err,
			"The server is slow just now, or somebody holds a lock on Pulp's tables: "
			"`SELECT * FROM pg_stat_activity` has who. A run waits for it.");
}

/* Of the phases. */
static const char name_images[] = "images", name_lists[] = "lists", name_detach[] = "detach";

static void sum_up(struct manifest_estimate *e)
{
	for (size_t i = 0; i < e->strata.n; i++) {
		const struct stratum *s = &e->strata.item[i];
		int64_t *of = s->state == STRATUM_LOST	 ? &e->lost
			      : s->state == STRATUM_FILL ? &e->fill
							 : &e->filled;
		*of += s->rows;
		e->lists += s->state == STRATUM_FILL && s->kind == STRATUM_LIST ? s->rows : 0;
	}
}

/* Where the data is may be hidden from the role, and where the server works from the user. */
static double free_on_this_host(struct pg *db, const char *data_directory)
{
	struct statvfs fs;

	if (*data_directory && statvfs(data_directory, &fs) == 0)
		return (double)fs.f_bavail * (double)fs.f_frsize;
	double room = pressure_room(pg_backend_pid(db));
	return room >= 0 ? room : NAN;
}

/* How many manifests there are, as the server believes: no lock keeps it from saying so. */
static bool ask_rows(struct manifest_job *j, double *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    j->control,
		    "SELECT reltuples::float8 FROM pg_class WHERE oid = 'container_manifest'::regclass",
		    NULL, 0, &r, err))
		return false;
	*ret = fmax(0, strtod(pg_text(r, 0, 0), NULL)); /* -1: never counted */
	return true;
}

static bool ask_server(struct manifest_job *j, struct estimate_facts *f,
		       struct manifest_estimate *e, const char **standby, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    j->control,
		    "SELECT pg_is_in_recovery(), to_regnamespace('plmaint') IS NOT NULL"
		    " OR has_database_privilege(current_database(), 'CREATE'),"
		    " pg_relation_size('container_manifest')::float8 / current_setting('block_size')::float8,"
		    " inet_server_addr() IS NULL OR inet_server_addr() = inet_client_addr(),"
		    " (SELECT setting FROM pg_settings WHERE name = 'data_directory')",
		    NULL, 0, &r, err))
		return false;
	if (pg_bool(r, 0, 0))
		*standby = "the server is a standby, which takes no writes";
	else if (!pg_bool(r, 0, 1))
		j->setup.writers = 1; /* a run without a shared ledger has one */
	f->page_rows = strtod(pg_text(r, 0, 2), NULL);
	if (pg_bool(r, 0, 3))
		e->free_bytes = free_on_this_host(j->control, pg_text(r, 0, 4));
	e->writers = j->setup.writers;
	return true;
}

static bool read_sizes(const struct config *c, struct estimate_facts *f, struct err *err)
{
	long batch, detach;

	if (!config_long(c, "pre-migrate.batch_rows", &batch, err) ||
	    !config_long(c, "pre-migrate.detach_rows", &detach, err))
		return false;
	f->batch_rows = (double)batch;
	f->detach_rows = (double)detach;
	return true;
}

/* As a run counts it.  What takes too long is not known: nearly all may be pending. */
static bool count_once(struct manifest_job *j, struct limit *l, const struct estimate_facts *f,
		       struct pending_counts *ret, struct err *err)
{
	limit_to(l, count_share);
	if (pending_count(j->control, &j->schema, &j->pending, ret, err))
		return true;
	*ret = (struct pending_counts){ .images = (int64_t)f->manifests,
					.lost = 1,
					.manifests = (int64_t)f->manifests };
	return l->late && pg_alive(j->control);
}

/* All that is pending, timed once as a run counts it and once by strata. */
static bool count_all(struct manifest_job *j, struct limit *l, struct estimate_facts *f,
		      struct manifest_estimate *e, struct err *err)
{
	const struct place *place = &j->actor->look->place;
	struct pending_counts c;
	double began = clock_monotonic();

	if (!count_once(j, l, f, &c, err))
		return false;
	f->count = clock_monotonic() - began;
	f->page_rows = (double)c.manifests / fmax(1, f->page_rows);
	e->page_rows = f->page_rows;
	int64_t rows = c.lost + c.images + c.lists + c.detach;
	f->vacuum = (double)rows > 50 + 0.2 * (double)c.manifests;
	f->vacuum_cost = vacuum_cost_recall(j->control, (double)c.manifests,
					    vacuum_rests(j->actor, j->control, &j->schema));
	if (rows == 0)
		return true;
	double left = l->began + count_share * l->most - clock_monotonic();
	limit_to(l, pages_share);
	if (!strata_count(j->control, &j->schema, &j->pending,
			  place->storage_class ? place->storage_class : "file system", rows, left,
			  &e->strata, err))
		return false;
	sum_up(e);
	/* A few among very many are on none of the pages. */
	if (e->fill + e->lost + e->filled == 0 && e->strata.share < 1)
		return fail_late(l, err);
	/* A run recovers them before, and its windows do not ask for them: to do so may make the
	 * server read all links for each. */
	j->pending.without_lost = c.lost > 0;
	return true;
}

static void bind(struct manifest_job *j, struct estimate_group *g, struct manifest_phase *bound,
		 struct batch_phase *phase)
{
	char *all;

	manifest_phase_bind(j, bound, g->kind, phase);
	if (!g->where)
		return;
	all = xasprintf("(%s) AND %s", bound->rows.pending, g->where);
	free(bound->rows.pending);
	bound->rows.pending = all;
}

struct binding {
	struct manifest_phase fill_bound[ESTIMATE_GROUPS], detach_bound;
	struct batch_phase fill[ESTIMATE_GROUPS], detach;
	struct sample_part parts[ESTIMATE_GROUPS];
};

static void bind_groups(struct manifest_job *j, const struct estimate_wish *wish,
			struct estimate_group *g, size_t n, struct binding *b)
{
	manifest_phase_bind(j, &b->detach_bound, PENDING_DETACH, &b->detach);
	for (size_t i = 0; i < n; i++) {
		bool fills = g[i].kind != PENDING_DETACH;
		if (fills)
			bind(j, &g[i], &b->fill_bound[i], &b->fill[i]);
		b->parts[i] = g[i].part;
		b->parts[i].fill = fills ? &b->fill[i] : NULL;
		b->parts[i].detach = j->schema.has_data ? &b->detach : NULL;
		if (fills ? wish->no_media != NULL : wish->no_write != NULL)
			b->parts[i].blocks = 0;
	}
}

static void release_groups(struct binding *b, size_t n)
{
	manifest_phase_release(&b->detach_bound, &b->detach);
	for (size_t i = 0; i < n; i++) {
		if (b->parts[i].fill)
			manifest_phase_release(&b->fill_bound[i], &b->fill[i]);
	}
}

/* A run does not step back where nobody is online: behind others its readers would be slower than
 * they will be. */
static void step_back_as_a_run(struct manifest_job *j)
{
	struct pulp_services online;
	struct err ignored;

	if (pulp_services_online(j->control, &j->schema, &j->actor->look->place, &online,
				 &ignored) &&
	    online.workers + online.api + online.content == 0)
		j->setup.nice = 0;
}

/* A right that is missing leaves the writing out; it is named. */
static bool take_sample(struct manifest_job *j, const struct estimate_wish *wish,
			struct estimate_group *g, size_t n, double seconds,
			struct manifest_estimate *e, struct err *err)
{
	struct estimate_wish now = *wish;
	bool ok;

	for (;;) {
		struct binding b = { 0 };
		bind_groups(j, &now, g, n, &b);
		ok = sample_take(&j->setup, b.parts, n, !now.no_write, seconds, &e->sample, err);
		release_groups(&b, n);
		if (ok || now.no_write || err->code != ERR_DENIED)
			break;
		snprintf(e->not_written, sizeof(e->not_written), "a right is missing: %.280s",
			 err->text);
		now.no_write = e->not_written;
	}
	if (ok && !now.no_write && !e->sample.wrote)
		now.no_write = "none was written in the time that there is";
	if (now.no_write && now.no_write != e->not_written)
		snprintf(e->not_written, sizeof(e->not_written), "%s", now.no_write);
	return ok;
}

static bool find_duty(struct manifest_job *j, const struct estimate_facts *f,
		      struct manifest_estimate *e, struct err *err)
{
	const struct config *c = j->actor->look->config;
	struct pulp_services online;
	double grace;

	if (!config_seconds(c, "pre-migrate.grace", &grace, err) ||
	    !pulp_services_online(j->control, &j->schema, &j->actor->look->place, &online, err))
		return false;
	bool anybody = online.workers + online.api + online.content > 0;
	if (strcmp(config_source(c, "pre-migrate.duty"), "default") != 0) {
		e->duty_from = DUTY_SET;
		e->duty = (struct quantiles){ j->setup.duty, j->setup.duty, j->setup.duty };
	} else if (!isnan(f->images.duty.p50) || !isnan(f->detach.duty.p50)) {
		e->duty_from = DUTY_SEEN;
		e->duty = isnan(f->images.duty.p50) ? f->detach.duty : f->images.duty;
	} else {
		e->duty_from = DUTY_ASSUMED;
		e->duty = assumed_duty;
	}
	/* A duty that is set is kept also with nobody online, where there is no grace. */
	e->grace = e->fill + e->filled > 0 && (anybody || e->duty_from != DUTY_SET) ? grace : 0;
	return true;
}

static bool find_cache_keys(struct manifest_job *j, struct limit *l, struct manifest_estimate *e,
			    struct err *err)
{
	const struct place *place = &j->actor->look->place;
	struct cache_keys keys = { .keys = NULL };
	char *pending[3];

	e->cache_keys = -1;
	if (!place->cache_enabled || !place->redis_url)
		return true;
	pending[0] = pending_select(&j->schema, PENDING_IMAGES, &j->pending);
	pending[1] = pending_select(&j->schema, PENDING_LISTS, &j->pending);
	pending[2] = pending_select(&j->schema, PENDING_DETACH, &j->pending);
	AUTO_FREE char *sql = xasprintf(
		"SELECT DISTINCT rc.repository_id FROM core_repositorycontent rc JOIN (%s UNION ALL %s UNION ALL %s) p"
		" ON p.key = rc.content_id WHERE rc.version_removed_id IS NULL",
		pending[0], pending[1], pending[2]);
	for (int i = 0; i < 3; i++)
		free(pending[i]);
	limit_to(l, 1);
	if (!cache_keys_find(j->control, place, sql, &keys, err))
		return l->late;
	e->cache_keys = (int64_t)keys.n;
	cache_keys_release(&keys);
	return true;
}

static int64_t bytes_of(const struct manifest_estimate *e, bool lists)
{
	int64_t bytes = 0;

	for (size_t i = 0; i < e->strata.n; i++) {
		const struct stratum *s = &e->strata.item[i];
		if (s->state == STRATUM_FILL && (s->kind == STRATUM_LIST) == lists)
			bytes += s->bytes;
	}
	return bytes;
}

/* What a run will be held against, and begins with. */
static void keep(const struct manifest_job *j, const struct manifest_estimate *e)
{
	const struct estimate_result *t = &e->time;
	const struct quantiles *images = &t->part[PART_IMAGES], *lists = &t->part[PART_LISTS],
			       *step = &t->part[PART_FILL_STEP];
	const char *fill = procedure_pulp_manifests_fill.label;
	const struct foretold all[] = {
		{ fill,
		  "",
		  e->fill,
		  { step->p10 + images->p10 + lists->p10, step->p50 + images->p50 + lists->p50,
		    step->p90 + images->p90 + lists->p90 },
		  t->raw[PART_FILL_STEP] + t->raw[PART_IMAGES] + t->raw[PART_LISTS],
		  0,
		  -1 },
		{ fill, name_images, e->fill - e->lists, *images, t->raw[PART_IMAGES],
		  e->busy[PART_IMAGES], bytes_of(e, false) },
		{ fill, name_lists, e->lists, *lists, t->raw[PART_LISTS], e->busy[PART_LISTS],
		  bytes_of(e, true) },
		{ procedure_pulp_manifests_detach.label, "", e->fill + e->filled,
		  t->part[PART_DETACH], t->raw[PART_DETACH], e->busy[PART_DETACH], -1 },
	};

	foretold_keep(j, all, ARRAY_LEN(all));
}

static bool look_back(struct manifest_job *j, struct estimate_facts *f, struct err *err)
{
	const char *fill = procedure_pulp_manifests_fill.label,
		   *detach = procedure_pulp_manifests_detach.label;

	return foretold_history(j->control, fill, name_images, &f->images, err) &&
	       foretold_history(j->control, fill, name_lists, &f->lists, err) &&
	       foretold_history(j->control, detach, name_detach, &f->detach, err);
}

/* Without its artifacts an estimate still has its counts. */
static void open_storage(struct manifest_job *j, struct estimate_wish *wish, struct err *why)
{
	const struct probe *look = j->actor->look;

	if (wish->no_media || storage_open(look->config, &look->place, &j->storage, why))
		return;
	wish->no_media = why->text;
	EMIT(j->actor->reporter, "notice", F_TEXT("level", "warning"), F_TEXT("message", why->text),
	     F_TEXT("hint", *why->hint ? why->hint : NULL));
}

static bool work(struct manifest_job *j, struct limit *l, const struct estimate_wish *asked,
		 struct manifest_estimate *e, struct err *err)
{
	struct estimate_group groups[ESTIMATE_GROUPS];
	struct estimate_facts f = { 0 };
	struct estimate_wish wish = *asked;
	struct err no_media = { 0 };
	uint64_t seed = 0;

	(void)!getrandom(&seed, sizeof(seed), 0);
	if (!ask_rows(j, &f.manifests, err))
		return false;
	l->most = fmax(least_time, share_of_work * rough_row * f.manifests);
	limit_to(l, pages_share);
	if (!ask_server(j, &f, e, &wish.no_write, err) ||
	    !read_sizes(j->actor->look->config, &f, err) || !count_all(j, l, &f, e, err))
		return false;
	if (e->fill + e->lost + e->filled == 0)
		return true;
	if (e->fill > 0)
		open_storage(j, &wish, &no_media);
	step_back_as_a_run(j);
	double all = fmax(least_time, share_of_work * rough_row * (double)(e->fill + e->filled));
	size_t n = estimate_groups(&e->strata, wish.sample, seed, groups);
	l->until = INFINITY;
	bool ok = look_back(j, &f, err) && find_duty(j, &f, e, err) &&
		  take_sample(j, &wish, groups, n,
			      fmax(all / 4, all - (clock_monotonic() - l->began)), e, err) &&
		  find_cache_keys(j, l, e, err);
	if (ok) {
		for (size_t i = 0; i < e->sample.n; i++)
			e->unreadable += e->sample.block[i].bad;
		estimate_model(groups, n, &f, e);
		keep(j, e);
	}
	estimate_groups_release(groups, n);
	return ok;
}

static bool estimate_once(struct actor *a, const struct estimate_wish *wish,
			  struct manifest_estimate *ret, struct err *err)
{
	struct manifest_job j;

	*ret = (struct manifest_estimate){ .free_bytes = NAN, .cache_keys = -1 };
	if (!manifest_job_look(&j, a, err))
		return false;
	struct limit l = { .listener = a->listener,
			   .began = clock_monotonic(),
			   .most = least_time,
			   .until = INFINITY };
	pg_heed(j.control, limit_reached, &l);
	bool ok = work(&j, &l, wish, ret, err);
	if (!ok && l.late && err->code == ERR_HELD)
		(void)fail_late(&l, err);
	listener_end(j.setup.listener, j.control);
	manifest_job_close(&j);
	if (!ok)
		manifest_estimate_release(ret);
	return ok;
}

bool manifest_estimate(struct actor *a, const struct estimate_wish *wish,
		       struct manifest_estimate *ret, struct err *err)
{
	bool ok;

	/* What was timed before a pause is no measure of what comes after it. */
	do
		ok = estimate_once(a, wish, ret, err);
	while (!ok && err->code == ERR_HELD && a->listener &&
	       listener_hold(a->listener, "estimate"));
	if (!ok && err->code == ERR_HELD) {
		(void)err_set(err, ERR_STOPPED, "stopped before there was an estimate");
		(void)err_hint(err, "Nothing was changed.");
	}
	return ok;
}

void manifest_estimate_release(struct manifest_estimate *e)
{
	strata_release(&e->strata);
	sample_release(&e->sample);
}
