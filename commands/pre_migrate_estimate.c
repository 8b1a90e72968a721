/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `pre-migrate estimate`: how long, how much, and whether that is for the upgrade or for before. */
#include "commands/pre_migrate.h"

#include "lib/core/clock.h"
#include "lib/core/exit.h"
#include "lib/core/mem.h"
#include "lib/core/text.h"
#include "lib/drivers/probe.h"
#include "lib/pace/calendar.h"
#include "lib/pace/wall.h"
#include "lib/report/style.h"
#include "procedures/manifest_estimate.h"
#include <math.h>
#include <string.h>

const struct opt estimate_options[] = {
	{ .name = "sample",
	  .kind = OPT_INT,
	  .offset = offsetof(struct estimate_options, sample),
	  .arg = "N",
	  .help = "rows that are done and rolled back",
	  .min = 1,
	  .max = 500,
	  .fallback = "300" },
	{ .name = "no-write",
	  .kind = OPT_FLAG,
	  .offset = offsetof(struct estimate_options, no_write),
	  .help = "only read; what writing takes is as in earlier runs, or guessed" },
	{ .name = "window",
	  .kind = OPT_TEXT,
	  .offset = offsetof(struct estimate_options, window),
	  .arg = "TIMES",
	  .help = "also when it ends if it works only then, by the host's clock: 22:00-05:00" },
	OPTS_END
};

static const char *const state_words[] = {
	[STRATUM_LOST] = "lost", [STRATUM_FILL] = "fill", [STRATUM_DETACH] = "filled"
};
static const char *const duty_words[] = {
	[DUTY_SET] = "set", [DUTY_ASSUMED] = "assumed", [DUTY_SEEN] = "seen"
};

/* All that is told; the times are seconds. */
struct answer {
	const struct manifest_estimate *e;
	int64_t rows;
	bool windowed;
	struct quantiles window;
	char end[64], end_late[64]; /* of the window */
	double max_downtime;
	bool first, full_disk; /* to be done before the upgrade; on this disk a run would stop */
	char verdict[256];
};

bool pre_migrate_estimate_check(const void *options, struct err *err)
{
	const struct estimate_options *o = options;
	struct calendar windows;

	return !o->window || calendar_parse(o->window, &windows, err) || err_wrap(err, "--window");
}

static bool find_window(struct session *s, const struct estimate_options *o, struct answer *a,
			struct err *err)
{
	const char *text = o->window ? o->window : config_get(s->config, "pre-migrate.window");
	const struct quantiles *t = &a->e->time.throttled;
	struct calendar windows;
	double now = clock_wall();

	if (!text)
		return true;
	if (!calendar_parse(text, &windows, err) || !clock_zone(err))
		return err_wrap(err, o->window ? "--window" : "pre-migrate.window");
	a->windowed = true;
	a->window = (struct quantiles){ calendar_after(&windows, now, t->p10) - now,
					calendar_after(&windows, now, t->p50) - now,
					calendar_after(&windows, now, t->p90) - now };
	wall_in_words(now + a->window.p50, now, a->end, sizeof(a->end));
	wall_in_words(now + a->window.p90, now, a->end_late, sizeof(a->end_late));
	return true;
}

static void judge(struct answer *a)
{
	const struct quantiles *full = &a->e->time.full;
	char mid[32], low[32], high[32], most[32];

	if (a->rows == 0) {
		snprintf(a->verdict, sizeof(a->verdict), "nothing to do");
		return;
	}
	clock_in_words(full->p10, low, sizeof(low));
	clock_in_words(full->p50, mid, sizeof(mid));
	clock_in_words(full->p90, high, sizeof(high));
	clock_in_words(a->max_downtime, most, sizeof(most));
	a->first = full->p90 > a->max_downtime;
	a->full_disk = a->e->disk_bytes > a->e->free_bytes / 2;
	if (a->first)
		snprintf(a->verdict, sizeof(a->verdict),
			 "pre-migrate first: the upgrade would stand still for about %s (%s to %s),"
			 " and %s is the most that it may",
			 mid, low, high, most);
	else
		snprintf(a->verdict, sizeof(a->verdict),
			 "small: the upgrade will do it in about %s", mid);
}

static void tell_strata(struct session *s, const struct strata *all)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct stratum *t = &all->item[i];
		EMIT(s->reporter, "estimate.stratum", F_TEXT("state", state_words[t->state]),
		     F_TEXT("media", stratum_kind_names[t->kind]),
		     F_TEXT("size", strata_band_names[t->band]), F_TEXT("storage", t->storage),
		     F_INT("rows", t->rows), F_INT("bytes", t->bytes));
	}
	for (size_t i = 0; i < all->n_repositories; i++)
		EMIT(s->reporter, "estimate.repository",
		     F_TEXT("repository", all->repository[i].name),
		     F_INT("rows", all->repository[i].rows));
}

static void tell_row(struct session *s, const struct manifest_estimate *e)
{
	struct row_cost c;

	manifest_estimate_row(e, &c);
	if (e->sample.rows > 0)
		EMIT(s->reporter, "estimate.row", F_REAL("fetch", c.fetch), F_REAL("read", c.read),
		     F_REAL("hash", c.hash), F_REAL("parse", c.parse), F_REAL("write", c.write),
		     F_REAL("detach", c.detach), F_REAL("wal_bytes", c.wal),
		     F_REAL("wal_images", c.wal_images));
}

static struct field range(const char *key, const struct quantiles *q, bool known)
{
	struct field f = { .key = key, .kind = FIELD_RANGE };

	f.v.range[0] = known ? q->p10 : NAN;
	f.v.range[1] = known ? q->p50 : NAN;
	f.v.range[2] = known ? q->p90 : NAN;
	return f;
}

static void tell(struct session *s, const struct answer *a)
{
	const struct manifest_estimate *e = a->e;
	struct field f[32];
	size_t n = 0;

	tell_strata(s, &e->strata);
	tell_row(s, e);
	f[n++] = (struct field)F_INT("rows", a->rows);
	if (a->rows > 0) {
		f[n++] = (struct field)F_INT("fill", e->fill);
		f[n++] = (struct field)F_INT("lost", e->lost);
		f[n++] = (struct field)F_INT("filled", e->filled);
		f[n++] = (struct field)F_BOOL("exact", e->strata.share >= 1);
		f[n++] = (struct field)F_INT("bytes", e->bytes);
		f[n++] = (struct field)F_INT("repositories", (int64_t)e->strata.n_repositories +
								     e->strata.more_repositories);
		f[n++] = (struct field)F_INT("sampled", e->sample.rows);
		f[n++] = (struct field)F_BOOL("wrote", e->sample.wrote);
		f[n++] = (struct field)F_TEXT("not_written",
					      *e->not_written ? e->not_written : NULL);
		f[n++] = (struct field)F_INT("unreadable", e->unreadable);
		f[n++] = (struct field)F_INT("runs", e->runs);
		f[n++] = range("full", &e->time.full, true);
		f[n++] = range("throttled", &e->time.throttled, true);
		f[n++] = range("duty", &e->duty, true);
		f[n++] = (struct field)F_TEXT("duty_from", duty_words[e->duty_from]);
		f[n++] = range("windowed", &a->window, a->windowed && isfinite(a->window.p90));
		f[n++] = (struct field)F_TEXT("end", a->windowed ? a->end : NULL);
		f[n++] = (struct field)F_TEXT("end_late", a->windowed ? a->end_late : NULL);
		f[n++] = (struct field)F_INT("wal_bytes", e->wal_bytes);
		f[n++] = (struct field)F_INT("disk_bytes", e->disk_bytes);
		if (!isnan(e->free_bytes))
			f[n++] = (struct field)F_INT("free_bytes", e->free_bytes);
		if (e->cache_keys >= 0)
			f[n++] = (struct field)F_INT("cache_keys", e->cache_keys);
	}
	f[n++] = (struct field)F_REAL("max_downtime", a->max_downtime);
	f[n++] = (struct field)F_TEXT("verdict", a->verdict);
	f[n] = (struct field)F_END;
	emit(s->reporter, "estimate", f);
}

/* "about 14 min, 12 min to 19 min" */
static void add_time(struct strbuf *out, const char *what, const struct quantiles *q)
{
	char low[32], mid[32], high[32];

	clock_in_words(q->p10, low, sizeof(low));
	clock_in_words(q->p50, mid, sizeof(mid));
	clock_in_words(q->p90, high, sizeof(high));
	strbuf_addf(out, "%-20s about %s, %s to %s", what, mid, low, high);
}

/* A count that is an estimate says so, and how far off it may be (two standard deviations): pages
 * were drawn, and all rows of a page with it. */
static void add_rows(struct strbuf *out, double rows, const struct manifest_estimate *e)
{
	double share = e->strata.share;

	add_count(out, rows);
	if (share < 1) {
		strbuf_adds(out, " ± ");
		add_count(out, ceil(2 * sqrt(rows * fmax(1, e->page_rows) / share)));
	}
}

static void print_counts(struct strbuf *out, const struct answer *a)
{
	const struct strata *all = &a->e->strata;

	strbuf_adds(out, "pending              ");
	add_rows(out, (double)a->rows, a->e);
	strbuf_adds(out, " manifests");
	if (all->share < 1)
		strbuf_addf(out, ", counted on %g %% of the table since all of it took too long",
			    100 * all->share);
	strbuf_adds(out, "\n");
	for (size_t i = 0; i < all->n; i++) {
		static const char *const doing[] = { "to recover", "to fill", "to detach" };
		const struct stratum *t = &all->item[i];
		strbuf_addf(out, "  %-10s %-8s %-8s ", doing[t->state], stratum_kind_names[t->kind],
			    strata_band_names[t->band]);
		add_rows(out, (double)t->rows, a->e);
		strbuf_adds(out, ", ");
		add_bytes(out, (double)t->bytes);
		strbuf_adds(out, " in ");
		text_escape(out, t->storage);
		strbuf_adds(out, "\n");
	}
	for (size_t i = 0; i < all->n_repositories; i++) {
		strbuf_adds(out, i == 0 ? "repositories         " : "                     ");
		text_escape(out, all->repository[i].name);
		strbuf_adds(out, " ");
		add_rows(out, (double)all->repository[i].rows, a->e);
		strbuf_adds(out, "\n");
	}
	if (all->more_repositories > 0)
		text_addf(out, "                     and %lld other repositor(y|ies)\n",
			  (long long)all->more_repositories);
}

static void print_sample(struct strbuf *out, const struct manifest_estimate *e)
{
	strbuf_addf(out, "sample               %zu rows were read", e->sample.rows);
	if (e->sample.wrote)
		strbuf_adds(out, ", written, and rolled back: nothing is changed");
	else
		strbuf_addf(out, " and none written (%s): the interval is wider", e->not_written);
	if (e->unreadable > 0)
		strbuf_addf(out, "; the data of %zu of them cannot be had", e->unreadable);
	if (e->runs > 0)
		strbuf_addf(out, "; %zu earlier run%s of this host told more", e->runs,
			    e->runs > 1 ? "s" : "");
	strbuf_adds(out, "\n");
}

static void add_part(struct strbuf *out, const char *what, double seconds)
{
	if (isfinite(seconds))
		strbuf_addf(out, "%s%s %.0f µs", out->data[out->len - 1] == ' ' ? "" : ", ", what,
			    seconds * 1e6);
}

/* "reading 12 µs, hashing 5 µs, parsing 20 µs, writing 60 µs, detaching 70 µs" */
static void print_row(struct strbuf *out, const struct manifest_estimate *e)
{
	struct row_cost c;

	manifest_estimate_row(e, &c);
	if (e->sample.rows == 0)
		return;
	strbuf_adds(out, "a row takes          ");
	add_part(out, "reading", c.fetch + c.read);
	add_part(out, "hashing", c.hash);
	add_part(out, "parsing", c.parse);
	add_part(out, "writing", c.write);
	add_part(out, "detaching", c.detach);
	if (isfinite(c.wal)) {
		strbuf_adds(out, "; ");
		add_bytes(out, c.wal);
		strbuf_adds(out, " of log, ");
		add_bytes(out, c.wal_images);
		strbuf_adds(out, " more at first");
	}
	strbuf_adds(out, "\n");
}

static void print_times(struct strbuf *out, const struct answer *a)
{
	const struct manifest_estimate *e = a->e;
	char grace[32];

	add_time(out, "at full speed", &e->time.full);
	strbuf_adds(out, "\n");
	add_time(out, "while Pulp is online", &e->time.throttled);
	switch (e->duty_from) {
	case DUTY_SET:
		strbuf_addf(out, ", at a duty of %g as configured", e->duty.p50);
		break;
	case DUTY_SEEN:
		strbuf_addf(out, ", at the duty of earlier runs (%.2f)", e->duty.p50);
		break;
	case DUTY_ASSUMED:
		strbuf_addf(out, ", if the throttle leaves %.0f %% to %.0f %% of the time",
			    100 * e->duty.p10, 100 * e->duty.p90);
		break;
	}
	if (e->grace > 0) {
		clock_in_words(e->grace, grace, sizeof(grace));
		strbuf_addf(out, ", %s of grace included", grace);
	}
	strbuf_adds(out, "\n");
	if (a->windowed && isfinite(a->window.p90))
		strbuf_addf(out, "in the window        done %s, at P90 %s\n", a->end, a->end_late);
}

static void print_sizes(struct strbuf *out, const struct manifest_estimate *e)
{
	strbuf_adds(out, "read                 ");
	add_bytes(out, (double)e->bytes);
	strbuf_adds(out, "\nwrite-ahead log      ");
	add_bytes(out, e->wal_bytes);
	strbuf_adds(out, "\ndisk                 ");
	add_bytes(out, e->disk_bytes);
	strbuf_adds(out, " more, ");
	if (isnan(e->free_bytes))
		strbuf_adds(out, "free space is not known from here");
	else
		add_bytes(out, e->free_bytes);
	strbuf_adds(out, isnan(e->free_bytes) ? "\n" : " are free\n");
	if (e->cache_keys >= 0)
		strbuf_addf(out, "content cache        %lld keys to delete\n",
			    (long long)e->cache_keys);
}

static void print(struct session *s, const struct answer *a)
{
	AUTO_STRBUF struct strbuf out = { 0 };

	if (a->rows > 0) {
		print_counts(&out, a);
		print_sample(&out, a->e);
		print_row(&out, a->e);
		print_times(&out, a);
		print_sizes(&out, a->e);
	}
	strbuf_addf(&out, "%s\n", a->verdict);
	s->reporter->print(s->reporter->self, out.data);
}

static void warn(struct session *s, const struct answer *a)
{
	if (a->full_disk)
		EMIT(s->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message",
			    "the database would grow by more than half of what its disk has free, where a run stops"),
		     F_TEXT("hint", "Make room first; the write-ahead log needs some too."));
}

/* Without its artifacts, or where nothing may be written, an estimate still has its counts. */
static void find_limits(struct session *s, const struct estimate_options *o,
			struct estimate_wish *wish)
{
	s->provide(s, NEED_MEDIA, true);
	*wish = (struct estimate_wish){ .sample = o->sample };
	if (o->no_write)
		wish->no_write = "--no-write";
	else if (strcmp(config_get(s->config, "general.mode"), "enabled") != 0)
		wish->no_write = "general.mode";
	for (unsigned bit = 0; bit < NEED_COUNT; bit++) {
		const struct err *why = &s->unmet_why[bit];
		if (!(s->unmet & NEED_MEDIA & 1U << bit))
			continue;
		wish->no_media = why->text;
		EMIT(s->reporter, "notice", F_TEXT("level", "warning"),
		     F_TEXT("message", why->text), F_TEXT("hint", *why->hint ? why->hint : NULL));
	}
}

bool pre_migrate_estimate(struct session *s, const void *options, int *exit_status, struct err *err)
{
	const struct estimate_options *o = options;
	AUTO_ESTIMATE struct manifest_estimate e = { 0 };
	struct answer a = { .e = &e };
	struct estimate_wish wish;

	find_limits(s, o, &wish);
	if (!config_seconds(s->config, "upgrade.max_downtime", &a.max_downtime, err) ||
	    !manifest_estimate(s->actor, &wish, &e, err))
		return false;
	a.rows = e.fill + e.lost + e.filled;
	if (a.rows > 0 && !find_window(s, o, &a, err))
		return false;
	judge(&a);
	tell(s, &a);
	print(s, &a);
	warn(s, &a);
	*exit_status = a.first || a.full_disk ? EXIT_WARNINGS : EXIT_DONE;
	return true;
}
