/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What upstream's container-repair-media-type does, in batches, and also for manifests whose bytes
 * are in the database already: its own command dies on the first of those.  Old releases took what
 * a registry sent without a content type for schema 1.  Annotations and type follow from the media
 * type: upstream leaves them as they are, here they are derived anew in the same transaction, so
 * that a fill before and one after give the same rows.
 */
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/manifest_rows.h"
#include "procedures/cache_debt.h"
#include "procedures/procedures.h"

#include <string.h>

enum { ROWS = 200, TRIES = 5 };
static const size_t window_bytes = 16u << 20;
static const unsigned char last_key[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
					    255, 255, 255, 255, 255, 255, 255, 255 };
#define SCHEMA_1                                                                   \
	"m.media_type IN ('application/vnd.docker.distribution.manifest.v1+json'," \
	" 'application/vnd.docker.distribution.manifest.v1+prettyjws')"

/* Rows that this transaction has written. */
#define MINE "m.xmin = (txid_current() % (2::bigint ^ 32)::bigint)::text::xid"

/* All manifests that are called schema 1, window after window. */
struct walk {
	struct pulp_schema schema;
	struct manifest_rows rows, anew; /* of the window; those of it that were given a type */
	struct storage *storage;
	struct pg *db; /* owned */
	struct manifest_window window;
	unsigned char before[16], after[16]; /* keys around the window */
	bool begun, second;		     /* there is such a key */
	int64_t total;
	char where[sizeof(SCHEMA_1)], mine[sizeof(MINE)];
};

static void walk_close(struct walk *w)
{
	manifest_window_release(&w->window);
	storage_close(w->storage);
	pg_close(w->db);
}
#define AUTO_WALK __attribute__((cleanup(walk_close)))

static bool count_rows(const struct walk *w, int64_t *all, int64_t *in_files, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*), count(*) FILTER (WHERE %s)"
		" FROM container_manifest m WHERE " SCHEMA_1,
		w->schema.has_data ? "m.data IS NULL OR m.data = '' OR m.config_blob_id IS NOT NULL"
				   : "true");

	if (!pg_query(w->db, sql, NULL, 0, &r, err))
		return false;
	*all = pg_int(r, 0, 0);
	*in_files = pg_int(r, 0, 1);
	return true;
}

/* Files are asked for only where there is one to be read. */
static bool walk_open(struct walk *w, const struct probe *p, struct err *err)
{
	const struct pg_options o = { .conninfo = p->place.conninfo,
				      .application_name = "plmaint:retype-look",
				      .read_only = true };
	int64_t in_files = 0;

	memcpy(w->where, SCHEMA_1, sizeof(SCHEMA_1));
	memcpy(w->mine, MINE, sizeof(MINE));
	if (!pg_connect(&o, &w->db, err) ||
	    !pulp_schema_probe(w->db, false, false, &w->schema, err) ||
	    !count_rows(w, &w->total, &in_files, err) ||
	    (in_files > 0 && !storage_open(p->config, &p->place, &w->storage, err)))
		return false;
	w->rows = (struct manifest_rows){ .schema = &w->schema,
					  .storage = w->storage,
					  .pending = w->where };
	w->anew = (struct manifest_rows){
		.schema = &w->schema, .storage = w->storage, .pending = w->mine, .refill = true
	};
	return manifest_rows_prepare(&w->rows, w->db, err);
}

/* *more: there is a window, and its rows were read. */
static bool walk_on(struct walk *w, bool *more, struct err *err)
{
	manifest_window_release(&w->window);
	if (!manifest_rows_fetch(&w->rows, w->db, w->begun ? w->after : NULL, last_key, ROWS,
				 window_bytes, &w->window, err))
		return false;
	*more = w->window.n > 0;
	if (!*more)
		return true;
	memcpy(w->before, w->after, sizeof(w->before));
	w->second = w->begun;
	memcpy(w->after, w->window.rows[w->window.n - 1].key, sizeof(w->after));
	w->begun = true;
	for (size_t i = 0; i < w->window.n; i++)
		(void)manifest_row_read(&w->rows, &w->window.rows[i]);
	return true;
}

/* What the row should say, or NULL where it is right or its bytes do not tell. */
static const char *better(const struct manifest_row *row)
{
	int now = manifest_media(row->media_type);
	int derived = row->bad || !row->data.p ? MEDIA_OTHER
					       : manifest_media_derive(row->data.p, row->data.len);

	if (derived == MEDIA_OTHER)
		derived = MEDIA_V1; /* of the two names of schema 1 the one that is served */
	return derived == now ? NULL : manifest_media_text(derived);
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_WALK struct walk w = { .begun = false };
	size_t looked = 0, wrong = 0;
	bool more = true;

	(void)params;
	if (!walk_open(&w, p, err))
		return false;
	while (more && wrong == 0) {
		if (!walk_on(&w, &more, err))
			return false;
		for (size_t i = 0; i < w.window.n; i++)
			wrong += better(&w.window.rows[i]) != NULL;
		looked += w.window.n;
	}
	*ret = wrong > 0;
	outcome_set(
		why, *ret ? RESULT_OK : RESULT_NOT_NEEDED,
		*ret ? "of %zu manifest(s) that (is|are) called schema 1, %zu (is|are) something else"
		     : "each of %zu manifest(s) that (is|are) called schema 1 is that",
		looked, wrong);
	return true;
}

/* Rows that somebody holds are passed over: nobody is to wait for housekeeping. */
static const char write_sql[] =
	"WITH n AS MATERIALIZED (SELECT * FROM unnest($1::uuid[], $2::text[]) AS n (id, media_type)),"
	" l AS MATERIALIZED (SELECT m.content_ptr_id AS id FROM container_manifest m JOIN n"
	" ON n.id = m.content_ptr_id WHERE " SCHEMA_1
	" ORDER BY 1 FOR NO KEY UPDATE OF m SKIP LOCKED)"
	" UPDATE container_manifest m SET media_type = n.media_type FROM n JOIN l ON l.id = n.id"
	" WHERE m.content_ptr_id = n.id";

static bool write_types(struct pg *db, struct pg_array *ids, struct pg_array *types, long *ret,
			struct err *err)
{
	const struct pg_param params[] = { pg_array_param(ids, PG_UUID_ARRAY),
					   pg_array_param(types, PG_TEXT_ARRAY) };
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, write_sql, params, ARRAY_LEN(params), &r, err))
		return false;
	*ret = pg_rows_affected(r);
	return true;
}

/* A row that has nothing yet is left to the fill. */
static bool was_derived(const struct manifest_row *row)
{
	return row->data_len > 0 || row->type.len > 0 || row->is_bootable || row->is_flatpak ||
	       row->annotations.len > 2 || row->labels.len > 2; /* of "{}" */
}

/* Labels and platform do not depend on the media type, but a list has no platform. */
static void forget_type(struct manifest_row *row)
{
	row->type = (struct slice){ 0 };
	if (!row->list)
		return;
	row->architecture = row->os = (struct slice){ 0 };
	row->size_null = true;
}

/* What follows from the types just written, by the functions of the fill. */
static bool derive_window(struct walk *w, struct pg *db, struct manifest_window *mine,
			  struct err *err)
{
	struct manifest_row *rows[ROWS];
	bool written[ROWS];
	size_t n = 0;

	if (!manifest_rows_fetch(&w->anew, db, w->second ? w->before : NULL, w->after, ROWS,
				 window_bytes, mine, err))
		return false;
	for (size_t i = 0; i < mine->n; i++) {
		struct manifest_row *row = &mine->rows[i];

		if (manifest_media(row->media_type) == MEDIA_V1 || !was_derived(row))
			continue;
		forget_type(row);
		manifest_row_load(&w->anew, row);
		if (row->bad)
			return err_set(err, ERR_IO, "%s cannot be derived anew: %s", row->digest,
				       reason_text(row->reason)->sentence);
		rows[n++] = row;
	}
	return n == 0 || manifest_rows_write(&w->anew, db, rows, n, false, written, err);
}

static bool write_window(struct walk *w, struct pg *db, struct pg_array *ids,
			 struct pg_array *types, long *ret, struct err *err)
{
	struct manifest_window mine = { 0 };
	struct err ignored;
	bool ok = pg_exec(db, "BEGIN", err) && write_types(db, ids, types, ret, err) &&
		  derive_window(w, db, &mine, err) && pg_exec(db, "COMMIT", err);

	manifest_window_release(&mine);
	if (!ok)
		(void)!pg_exec(db, "ROLLBACK", &ignored);
	return ok;
}

/* One window: what is wrong in it, in one transaction. */
static bool mend(struct walk *w, struct pg *db, int64_t *wrong, int64_t *mended, struct err *err)
{
	struct pg_array ids, types;
	long n = 0;

	pg_array_init(&ids, PG_UUID);
	pg_array_init(&types, PG_TEXT);
	for (size_t i = 0; i < w->window.n; i++) {
		const char *type = better(&w->window.rows[i]);

		if (!type)
			continue;
		pg_array_bytes(&ids, w->window.rows[i].key, 16);
		pg_array_bytes(&types, type, strlen(type));
	}
	bool ok = ids.n == 0 || write_window(w, db, &ids, &types, &n, err);

	for (int try = 1; !ok && err->code == ERR_RETRY && try < TRIES; try++)
		ok = stop_wait(0.2 * try) && write_window(w, db, &ids, &types, &n, err);
	*wrong += ids.n;
	*mended += n;
	pg_array_release(&ids);
	pg_array_release(&types);
	return ok;
}

static bool mend_all(struct actor *a, struct walk *w, struct pg *db, struct outcome *out,
		     struct err *err)
{
	int64_t looked = 0, wrong = 0, mended = 0;
	bool more;

	for (;;) {
		double begin = clock_monotonic();

		if (!walk_on(w, &more, err) || (more && !mend(w, db, &wrong, &mended, err)))
			return err_wrap(err, "after %lld rows", (long long)mended);
		if (!more)
			break;
		looked += (int64_t)w->window.n;
		EMIT(a->reporter, "progress",
		     F_TEXT("label", procedure_pulp_manifests_retype.label), F_INT("done", looked),
		     F_INT("total", w->total));
		/* Half of the time at most, as other housekeeping. */
		if (!stop_wait(clock_monotonic() - begin))
			return err_set(err, ERR_STOPPED, "stopped after %lld row(s)",
				       (long long)mended);
	}
	outcome_count(out, "rows", mended);
	outcome_set(
		out, mended < wrong ? RESULT_WARNING : RESULT_OK,
		"%lld of %lld manifest(s) (has|have) the media type that (it|they) speak(s|) of",
		(long long)mended, (long long)wrong);
	if (mended < wrong)
		outcome_hint(out, "Somebody held the others at that time: run it again.");
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_WALK struct walk w = { .begun = false };
	struct pg *db = NULL;

	(void)params;
	/* Owed before the first is changed: a kill leaves a debt too many and none too few. */
	bool ok = walk_open(&w, a->look, err) && cache_debt_mark_all(a->look->config, err) &&
		  actor_connect(a, "retype", &db, err) && manifest_rows_prepare(&w.anew, db, err) &&
		  manifest_write_prepare(&w.anew, db, err) && mend_all(a, &w, db, out, err);
	pg_close(db);
	memo_forget(a->look->memo);
	return ok;
}

static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct outcome why = { 0 };
	bool left;

	if (!needed(p, params, &left, &why, err))
		return false;
	if (left)
		outcome_set(out, RESULT_FAILED, "%s still", why.text);
	outcome_release(&why);
	return true;
}

/* By the first window, which is read and not written. */
static bool estimate(struct actor *a, bool may_write, double ret[3], struct err *err)
{
	AUTO_WALK struct walk w = { .begun = false };
	bool more;

	(void)may_write;
	if (!walk_open(&w, a->look, err))
		return false;

	double begin = clock_monotonic();

	if (!walk_on(&w, &more, err))
		return false;
	/* Twice: as long as it works it rests. */
	double whole =
		more ? 2 * (clock_monotonic() - begin) / (double)w.window.n * (double)w.total : 0;

	ret[0] = whole / 2;
	ret[1] = whole;
	ret[2] = whole * 4;
	return true;
}

const struct procedure procedure_pulp_manifests_retype = {
	.label = "pulp-manifests-retype",
	.summary = "give manifests that are wrongly called schema 1 the media type they speak of",
	.explain =
		"What `pulpcore-manager container-repair-media-type` does, also for manifests whose data is in the database "
		"already, on which that command dies. Reads every manifest of schema 1 and changes those that are of "
		"another kind, with the type and the annotations that follow from it; the content cache is owed all of its "
		"keys then, which `plmaint cache invalidate` pays.",
	.changes =
		"media_type of container_manifest, where it says schema 1, and the columns that follow from it",
	.tags = (const char *const[]){ "pre-migrations", "online", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.needed = needed,
	.run = run,
	.verify = verify,
	.estimate = estimate,
};
