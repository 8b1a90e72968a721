/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pulp's rows as the engine sees them: fetch, load, apply and verdict of each phase. */
#include "lib/core/mem.h"
#include "procedures/manifest_forecast.h"
#include "procedures/manifest_pages.h"
#include <stdlib.h>
#include <string.h>

struct item {
	struct batch_row head;		 /* first: the engine's view */
	struct manifest_row *row;	 /* NULL at detach */
	const char *digest, *media_type; /* at detach; borrowed from the window's result */
	int64_t page;			 /* at detach: of the artifact's row; -1: there is none */
};

struct backing {
	struct manifest_window window;
	struct item *items;
};

static void release(void *arg)
{
	struct backing *b = arg;

	manifest_window_release(&b->window);
	free(b->items);
	free(b);
}

static void hand_over(struct backing *b, size_t n, struct batch_window *w)
{
	w->backing = b;
	w->release = release;
	w->n = n;
	w->rows = xcalloc(n + 1, sizeof(*w->rows));
	for (size_t i = 0; i < n; i++) {
		w->rows[i] = &b->items[i].head;
		w->bytes += b->items[i].head.bytes;
	}
}

static bool fetch(void *ctx, struct pg *db, const unsigned char *after, const unsigned char *hi,
		  int max_rows, size_t max_bytes, struct batch_window *w, struct err *err)
{
	const struct manifest_phase *m = ctx;
	struct backing *b = xcalloc(1, sizeof(*b));

	if (!manifest_rows_fetch(&m->rows, db, after, hi, max_rows, max_bytes, &b->window, err)) {
		free(b);
		return false;
	}
	size_t n = b->window.n;
	b->items = xcalloc(n + 1, sizeof(*b->items));
	for (size_t i = 0; i < n; i++) {
		struct item *it = &b->items[i];
		it->row = &b->window.rows[i];
		memcpy(it->head.key, it->row->key, 16);
		it->head.bytes = manifest_row_bytes(it->row);
	}
	*w = (struct batch_window){ .last = !b->window.more };
	memcpy(w->end, n > 0 ? b->items[n - 1].head.key : hi, 16);
	hand_over(b, n, w);
	return true;
}

/* The fate of a row that needs no statement, or FATE_PENDING. */
static enum row_fate fate_of(const struct manifest_row *row)
{
	if (row->bad)
		return row->reason == REASON_ROW_CHANGED ? FATE_SKIPPED : FATE_QUARANTINED;
	if (!row->same)
		return FATE_PENDING;
	return row->reason != REASON_NONE ? FATE_PARTIAL : FATE_EXAMINED;
}

static void load(void *ctx, struct batch_row *head)
{
	const struct manifest_phase *m = ctx;
	struct item *it = (struct item *)head;

	manifest_row_load(&m->rows, it->row);
	head->fate = fate_of(it->row);
	head->reading = it->row->reading;
	head->hashing = it->row->hashing;
	head->parsing = it->row->parsing;
}

static bool apply(void *ctx, struct pg *db, struct batch_row **rows, size_t n, int *debt,
		  struct err *err)
{
	const struct manifest_phase *m = ctx;
	AUTO_FREE struct manifest_row **write = xcalloc(n + 1, sizeof(*write));
	AUTO_FREE struct item **items = xcalloc(n + 1, sizeof(*items));
	AUTO_FREE bool *written = xcalloc(n + 1, sizeof(*written));
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (rows[i]->fate != FATE_PENDING)
			continue;
		items[k] = (struct item *)rows[i];
		write[k] = items[k]->row;
		k++;
	}
	if (k > 0 && !manifest_rows_write(&m->rows, db, write, k, rows[0]->contended, written, err))
		return false;
	for (size_t i = 0; i < k; i++) {
		items[i]->head.fate = !written[i]			? FATE_SKIPPED
				      : write[i]->reason != REASON_NONE ? FATE_PARTIAL
				      : write[i]->final_pending		? FATE_FINAL
									: FATE_CHANGED;
		if (written[i]) {
			int kind = write[i]->bytes && !m->rows.recover && m->rows.schema->has_data
					   ? 1
					   : 2;
			*debt = kind > *debt ? kind : *debt;
		}
	}
	return true;
}

static const struct {
	unsigned bit;
	const char *name;
} fields[] = { { FIELD_BIT_ANNOTATIONS, "annotations" },
	       { FIELD_BIT_LABELS, "labels" },
	       { FIELD_BIT_TYPE, "type" },
	       { FIELD_BIT_ARCHITECTURE, "architecture" },
	       { FIELD_BIT_OS, "os" },
	       { FIELD_BIT_SIZE, "compressed_image_size" } };

static void name_missing(unsigned missing, char *out, size_t size)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (missing & fields[i].bit)
			len += (size_t)snprintf(out + len, size - len, "%s%s", len ? "," : "",
						fields[i].name);
	}
}

static void give_reason(enum reason reason, struct verdict *v)
{
	const struct reason_text *t = reason_text(reason);

	v->reason = t->code;
	v->message = t->sentence;
	v->hint = t->hint;
	v->transient = t->class == REASON_CLASS_TRANSIENT;
	v->fatal = t->class == REASON_CLASS_FATAL;
}

/* v's texts borrow from the window, which outlives the call; the fingerprint is kept with the row.
 */
static void verdict(void *ctx, const struct batch_row *head, const struct err *refused,
		    struct verdict *v)
{
	const struct manifest_phase *m = ctx;
	struct manifest_row *row = ((const struct item *)head)->row;

	v->digest = row->digest;
	v->media_type = row->media_type;
	row->bad |= refused != NULL;
	if (!row->fingerprint)
		row->fingerprint = manifest_row_fingerprint(&m->rows, row);
	v->fingerprint = row->fingerprint;
	if (refused) {
		give_reason(REASON_ROW_REFUSED, v);
		v->detail = refused->text;
		snprintf(v->sqlstate, sizeof(v->sqlstate), "%.5s", refused->native);
		return;
	}
	if (row->reason != REASON_NONE)
		give_reason(row->reason, v);
	name_missing(row->missing, v->missing, sizeof(v->missing));
	if (row->about) {
		v->file = row->about->file;
		v->domain = row->about->domain;
		v->file_size = row->file_size;
		v->file_changed = row->file_changed;
		v->detail = row->about->file;
	}
}

static bool prepare(void *ctx, struct pg *db, struct err *err)
{
	const struct manifest_phase *m = ctx;

	return manifest_rows_prepare(&m->rows, db, err) &&
	       manifest_write_prepare(&m->rows, db, err);
}

static bool repositories(void *ctx, struct pg *db, const unsigned char key[16], char ***ret,
			 struct err *err)
{
	(void)ctx;
	return manifest_repositories(db, key, ret, err);
}

static int by_page(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	return a->page != b->page ? (a->page > b->page ? 1 : -1)
				  : memcmp(a->head.key, b->head.key, 16);
}

static int by_turn(const void *x, const void *y)
{
	const struct item *a = x, *b = y;

	return a->head.turn != b->head.turn ? a->head.turn - b->head.turn : by_page(x, y);
}

/*
 * Detach updates the artifact's row too.  Where its page has room the new version stays there and
 * none of the seventeen indexes is touched (HOT), which halves the cost; a full page has room once
 * the version that another transaction left behind is dead to all.  So in each turn comes one row
 * of every page, and a page is not met again before the others have been.  The first row of a page
 * that no window had before finds it cold, and logs it whole.  Every second window
 * begins in the middle of the table, so that two writers do not walk side by side.
 */
static void take_turns(struct manifest_pages *seen, struct item *items, size_t n, bool from_middle)
{
	qsort(items, n, sizeof(*items), by_page);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && items[i].page == items[i - 1].page && items[i].page >= 0)
			items[i].head.turn = items[i - 1].head.turn + 1;
		else
			items[i].head.first = manifest_pages_add(seen, items[i].page);
	}
	if (from_middle && n > 0) {
		int64_t middle = items[n / 2].page, last = items[n - 1].page;
		for (size_t i = 0; i < n && items[i].page < middle; i++)
			items[i].page += last + 1;
	}
	qsort(items, n, sizeof(*items), by_turn);
}

/* Detach: keys are all it needs; digests are for what is refused. */
static bool fetch_links(void *ctx, struct pg *db, const unsigned char *after,
			const unsigned char *hi, int max_rows, size_t max_bytes,
			struct batch_window *w, struct err *err)
{
	struct manifest_phase *m = ctx;
	struct backing *b = xcalloc(1, sizeof(*b));

	(void)max_bytes;
	if (!manifest_links_fetch(&m->rows, db, after, hi, max_rows, &b->window.result, err)) {
		free(b);
		return false;
	}
	const struct pg_rows *r = b->window.result;
	size_t n = 0;
	b->items = xcalloc(pg_rows_count(r) + 1, sizeof(*b->items));
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		/* A manifest with several links comes several times, one after the other. */
		if (n > 0 && memcmp(b->items[n - 1].head.key, pg_text(r, i, 0), 16) == 0)
			continue;
		memcpy(b->items[n].head.key, pg_text(r, i, 0), 16);
		b->items[n].digest = pg_text(r, i, 1);
		b->items[n].media_type = pg_text(r, i, 2);
		b->items[n++].page = pg_int(r, i, 3);
	}
	*w = (struct batch_window){ .last = n < (size_t)max_rows };
	memcpy(w->end, n > 0 ? b->items[n - 1].head.key : hi, 16);
	take_turns(m->seen, b->items, n, atomic_fetch_add(&m->windows, 1) % 2 == 1);
	hand_over(b, n, w);
	return true;
}

static int by_key(const void *x, const void *y)
{
	return memcmp((*(struct batch_row *const *)x)->key, (*(struct batch_row *const *)y)->key,
		      16);
}

static bool apply_links(void *ctx, struct pg *db, struct batch_row **rows, size_t n, int *debt,
			struct err *err)
{
	const struct manifest_phase *m = ctx;
	AUTO_FREE const unsigned char **keys = xcalloc(n + 1, sizeof(*keys));
	AUTO_FREE int *fate = xcalloc(n + 1, sizeof(*fate));
	AUTO_FREE struct batch_row **sorted = xcalloc(n + 1, sizeof(*sorted));
	size_t k = 0;

	(void)debt; /* recorded for all of them before the first link goes */
	for (size_t i = 0; i < n; i++) {
		if (rows[i]->fate == FATE_PENDING)
			sorted[k++] = rows[i];
	}
	qsort(sorted, k, sizeof(*sorted), by_key); /* the order in which all lock */
	for (size_t i = 0; i < k; i++)
		keys[i] = sorted[i]->key;
	if (k > 0 && !manifest_links_drop(&m->rows, db, keys, k, fate, err))
		return false;
	for (size_t i = 0; i < k; i++)
		sorted[i]->fate = fate[i] > 0	? FATE_CHANGED
				  : fate[i] < 0 ? FATE_PARTIAL
						: FATE_GONE;
	return true;
}

static void link_verdict(void *ctx, const struct batch_row *head, const struct err *refused,
			 struct verdict *v)
{
	const struct item *it = (const struct item *)head;

	(void)ctx;
	give_reason(refused ? REASON_ROW_REFUSED : REASON_LINK_DIFFERS, v);
	v->digest = it->digest;
	v->media_type = it->media_type;
	if (refused) {
		v->detail = refused->text;
		snprintf(v->sqlstate, sizeof(v->sqlstate), "%.5s", refused->native);
	}
}

static bool prepare_links(void *ctx, struct pg *db, struct err *err)
{
	const struct manifest_phase *m = ctx;

	return manifest_links_prepare(&m->rows, db, err);
}

/* A task of Pulp may hold a row for minutes: the batch goes on without it. */
#define DO_NOT_WAIT "SET lock_timeout TO '500ms'; "

/*
 * A fill may commit asynchronously: every row it writes still has its link, or had its data before,
 * so a crash takes back rows and checkpoint together.  lz4 because pglz is the largest single cost.
 */
static const char fill_session[] =
	DO_NOT_WAIT "SET synchronous_commit TO off; SET plan_cache_mode TO force_generic_plan;"
		    " SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings"
		    " WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";
static const char fill_session_plain[] =
	DO_NOT_WAIT "SET synchronous_commit TO off; SET plan_cache_mode TO force_generic_plan";
/* As strong as the server's own setting, and never weaker than a flush. */
static const char durable_session[] = DO_NOT_WAIT
	"SET synchronous_commit TO DEFAULT; SET plan_cache_mode TO force_generic_plan;"
	" SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/* Rows whose order is chosen together, see take_turns: enough that many batches lie between two
 * meetings of a page. */
static const int detach_window = 22000;

static const char *const names[] = { [PENDING_LOST_IMAGES] = "recover",
				     [PENDING_LOST_LISTS] = "recover lists",
				     [PENDING_IMAGES] = "images",
				     [PENDING_LISTS] = "lists",
				     [PENDING_DETACH] = "detach" };

void manifest_phase_bind(struct manifest_job *j, struct manifest_phase *m, enum pending_kind kind,
			 struct batch_phase *ret)
{
	const struct config *c = j->actor->look->config;
	const char *compression = config_get(c, "pre-migrate.toast_compression");
	bool recover = kind <= PENDING_LOST_LISTS, detach = kind == PENDING_DETACH,
	     plain = compression && strcmp(compression, "default") == 0;
	long rows = 500;
	bool protect = true;
	struct err ignored; /* both are valid: they were when the configuration was read */

	(void)!config_long(c, detach ? "pre-migrate.detach_rows" : "pre-migrate.batch_rows", &rows,
			   &ignored);
	(void)!config_bool(c, "detach.protect", &protect, &ignored);
	*m = (struct manifest_phase){
		.kind = kind,
		.rows = { .schema = &j->schema,
			  .storage = j->storage,
			  .recover = recover,
			  .refill = j->pending.refill,
			  .protect = protect },
	};
	m->rows.pending = pending_where(&j->schema, kind, &j->pending);
	*ret = (struct batch_phase){
		.name = names[kind],
		.kind = detach ? "link" : "manifest",
		.rows_knob = detach ? KNOB_detach_rows : KNOB_batch_rows,
		.clears_verdicts = recover,
		.pending_sql = pending_select(&j->schema, kind, &j->pending),
		.range_rows = detach ? detach_window : 5000,
		.window_rows = detach ? detach_window : 0,
		.batch_rows = (int)rows,
		.max_sweeps = 3,
		.ctx = m,
		.session_sql = detach || recover ? durable_session
			       : plain		 ? fill_session_plain
						 : fill_session,
		.prepare = detach ? prepare_links : prepare,
		.fetch = detach ? fetch_links : fetch,
		.load = detach ? NULL : load,
		.apply = detach ? apply_links : apply,
		.verdict = detach ? link_verdict : verdict,
		.repositories = repositories,
	};
	m->seen = detach ? manifest_pages_new() : NULL;
	manifest_forecast_phase(j, kind, m->rows.pending, ret);
}

void manifest_phase_release(struct manifest_phase *m, struct batch_phase *phase)
{
	manifest_pages_free(m->seen);
	m->seen = NULL;
	free(m->rows.pending);
	free(phase->pending_sql);
	free(phase->sample_sql);
	m->rows.pending = phase->pending_sql = phase->sample_sql = NULL;
}
