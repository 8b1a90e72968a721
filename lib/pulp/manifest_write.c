/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statements that change manifests.  Each carries its own guard, so that what happened between
 * reading and writing makes it touch nothing instead of the wrong thing.
 *
 * Lock order is Pulp's own (orphan cleanup): content artifacts before manifests.
 */
#include "lib/core/mem.h"
#include "lib/pulp/manifest_rows.h"
#include <stdlib.h>
#include <string.h>

/* Columns of the fill, in the order of its parameters behind key, xmin, link and artifact. */
static const struct fill_column {
	const char *name, *type;
	enum pg_oid elem;
	uint32_t array;
	enum { ALWAYS, WITH_DATA, WITH_TYPE } since;
} columns[] = {
	{ "annotations", "jsonb[]", PG_JSONB, PG_JSONB_ARRAY, ALWAYS },
	{ "labels", "jsonb[]", PG_JSONB, PG_JSONB_ARRAY, ALWAYS },
	{ "is_bootable", "boolean[]", PG_BOOL, PG_BOOL_ARRAY, ALWAYS },
	{ "is_flatpak", "boolean[]", PG_BOOL, PG_BOOL_ARRAY, ALWAYS },
	{ "data", "text[]", PG_TEXT, PG_TEXT_ARRAY, WITH_DATA },
	{ "type", "text[]", PG_TEXT, PG_TEXT_ARRAY, WITH_TYPE },
	{ "architecture", "text[]", PG_TEXT, PG_TEXT_ARRAY, WITH_TYPE },
	{ "os", "text[]", PG_TEXT, PG_TEXT_ARRAY, WITH_TYPE },
	{ "compressed_image_size", "bigint[]", PG_INT8, PG_INT8_ARRAY, WITH_TYPE },
};
enum { FILL_COLUMNS = ARRAY_LEN(columns), FILL_FIXED = 4 };

static bool has_column(const struct pulp_schema *s, const struct fill_column *c)
{
	return c->since == ALWAYS || (c->since == WITH_DATA && s->has_data) ||
	       (c->since == WITH_TYPE && s->has_type);
}

/*
 * xmin changes with every version of the row: "unchanged since it was read" without comparing
 * columns.  The link must still lead to the artifact whose bytes were verified, unless the bytes
 * come from the row itself or from recovery, which locks the artifact.
 */
static char *fill_sql(const struct manifest_rows *m)
{
	AUTO_STRBUF struct strbuf set = { 0 }, args = { 0 }, names = { 0 };
	int n = FILL_FIXED;

	for (size_t i = 0; i < FILL_COLUMNS; i++) {
		const struct fill_column *c = &columns[i];
		if (!has_column(m->schema, c))
			continue;
		strbuf_addf(&args, ", $%d::%s", ++n, c->type);
		strbuf_addf(&names, ", %s", c->name);
		if (strcmp(c->name, "data") == 0) /* NULL keeps what is stored */
			strbuf_addf(&set, "%sdata = coalesce(u.data, m.data)", set.len ? ", " : "");
		else
			strbuf_addf(&set, "%s%s = u.%s", set.len ? ", " : "", c->name, c->name);
	}
	return xasprintf(
		"UPDATE container_manifest m SET %s FROM unnest($1::uuid[], $2::xid[], $3::uuid[], $4::uuid[]%s)"
		" AS u(id, seen, link, artifact%s) WHERE m.content_ptr_id = u.id AND m.xmin = u.seen"
		" AND (u.link IS NULL OR EXISTS (SELECT FROM core_contentartifact c WHERE c.pulp_id = u.link"
		" AND c.content_id = u.id AND c.artifact_id = u.artifact)) RETURNING m.content_ptr_id",
		set.data, args.data, names.data);
}

/*
 * The proof is the server's own: sha256 of what is stored, as bytes, against the artifact that the
 * link leads to.  A link without artifact (on demand, reclaimed) adds nothing once the data hashes
 * to the digest.  All links of a manifest go, or none.
 */
static char *drop_sql(const struct manifest_rows *m)
{
	return xasprintf(
		"WITH stored AS MATERIALIZED (SELECT m.content_ptr_id AS id, m.digest,"
		" encode(sha256(convert_to(m.data, 'UTF8')), 'hex') AS hex FROM container_manifest m"
		" WHERE m.content_ptr_id = ANY ($1::uuid[]) AND m.data <> ''),"
		" links AS (SELECT c.pulp_id, c.content_id, c.artifact_id, CASE WHEN c.artifact_id IS NULL"
		" THEN s.digest = 'sha256:' || s.hex OR EXISTS (SELECT FROM core_contentartifact o"
		" JOIN core_artifact oa ON oa.pulp_id = o.artifact_id WHERE o.content_id = c.content_id"
		" AND oa.sha256 = s.hex) ELSE a.sha256 = s.hex END AS same FROM stored s"
		" JOIN core_contentartifact c ON c.content_id = s.id"
		" LEFT JOIN core_artifact a ON a.pulp_id = c.artifact_id),"
		" judged AS MATERIALIZED (SELECT pulp_id, content_id, artifact_id,"
		" bool_and(same) OVER (PARTITION BY content_id) AS proven FROM links),"
		" remote AS (DELETE FROM core_remoteartifact r USING judged g"
		" WHERE g.proven AND r.content_artifact_id = g.pulp_id),%s"
		" dropped AS (DELETE FROM core_contentartifact c USING judged g WHERE g.proven"
		" AND c.pulp_id = g.pulp_id AND c.artifact_id IS NOT DISTINCT FROM g.artifact_id"
		" RETURNING c.content_id, c.artifact_id)%s"
		" SELECT content_id, 1 FROM dropped"
		" UNION ALL SELECT content_id, -1 FROM judged WHERE NOT proven",
		m->schema->has_publishedartifact
			? " published AS (DELETE FROM core_publishedartifact p USING judged g"
			  " WHERE g.proven AND p.content_artifact_id = g.pulp_id),"
			: "",
		m->protect ? ", kept AS (UPDATE core_artifact a SET timestamp_of_interest = now()"
			     " FROM dropped d WHERE a.pulp_id = d.artifact_id)"
			   : "");
}

/* Besides the key, the page of the artifact's row, since detach updates that row too: its caller
 * orders rows by it. */
bool manifest_links_prepare(const struct manifest_rows *m, struct pg *db, struct err *err)
{
	AUTO_FREE char *drop = drop_sql(m);
	AUTO_FREE char *window = xasprintf(
		"SELECT m.content_ptr_id, m.digest, m.media_type,"
		" coalesce((a.ctid::text::point)[0], -1)::bigint"
		" FROM (SELECT m.content_ptr_id, m.digest, m.media_type FROM container_manifest m"
		" WHERE " MANIFEST_AFTER
		" AND m.content_ptr_id <= $2 AND %s ORDER BY m.content_ptr_id LIMIT $3) m"
		" JOIN core_contentartifact c ON c.content_id = m.content_ptr_id"
		" LEFT JOIN core_artifact a ON a.pulp_id = c.artifact_id ORDER BY 1",
		m->pending);

	return pg_prepare(db, "window", window, (uint32_t[]){ PG_UUID, PG_UUID, PG_INT8 }, 3,
			  err) &&
	       pg_prepare(db, "drop", drop, (uint32_t[]){ PG_UUID_ARRAY }, 1, err);
}

bool manifest_links_fetch(const struct manifest_rows *m, struct pg *db, const unsigned char *after,
			  const unsigned char *hi, int max_rows, struct pg_rows **ret,
			  struct err *err)
{
	char limit[12];

	(void)m;
	snprintf(limit, sizeof(limit), "%d", max_rows);
	return pg_execute(db, "window",
			  (struct pg_param[]){ PG_P_BIN(PG_UUID, after, 16),
					       PG_P_BIN(PG_UUID, hi, 16), PG_P_TEXT(limit) },
			  3, true, ret, err);
}

/* The place of a key among ascending ones, or n. */
static size_t find_key(const unsigned char *const *keys, size_t n, const char *key)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = memcmp(keys[mid], key, 16);
		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return n;
}

bool manifest_links_drop(const struct manifest_rows *m, struct pg *db,
			 const unsigned char *const *keys, size_t n, int *fate, struct err *err)
{
	struct pg_array ids;
	struct pg_rows *rets[2] = { NULL, NULL };

	(void)m;
	pg_array_init(&ids, PG_UUID);
	for (size_t i = 0; i < n; i++) {
		fate[i] = 0;
		pg_array_bytes(&ids, keys[i], 16);
	}
	/* Deferred constraints speak now, where a refusal still names its statement. */
	bool ok = pg_pipe_execute(db, "drop",
				  (struct pg_param[]){ pg_array_param(&ids, PG_UUID_ARRAY) }, 1,
				  true, err) &&
		  pg_pipe_query(db, "SET CONSTRAINTS ALL IMMEDIATE", NULL, 0, err) &&
		  pg_pipe_flush(db, rets, 2, err);
	pg_array_release(&ids);
	for (size_t i = 0; ok && i < pg_rows_count(rets[0]); i++) {
		size_t at = find_key(keys, n, pg_text(rets[0], i, 0));
		if (at < n)
			fate[at] = (int)pg_int(rets[0], i, 1);
	}
	pg_rows_free(rets[0]);
	pg_rows_free(rets[1]);
	return ok;
}

static bool prepare_fill(const struct manifest_rows *m, struct pg *db, struct err *err)
{
	AUTO_FREE char *sql = fill_sql(m);
	uint32_t types[FILL_FIXED + FILL_COLUMNS] = { PG_UUID_ARRAY, PG_XID_ARRAY, PG_UUID_ARRAY,
						      PG_UUID_ARRAY };
	size_t n = FILL_FIXED;

	for (size_t i = 0; i < FILL_COLUMNS; i++) {
		if (has_column(m->schema, &columns[i]))
			types[n++] = columns[i].array;
	}
	return pg_prepare(db, "fill", sql, types, n, err);
}

/*
 * A list that was done before its child turned out to be bootable or a flatpak (the child was
 * quarantined, lost, or not yet migrated) follows it in the same transaction.
 */
static bool prepare_parents(const struct manifest_rows *m, struct pg *db, struct err *err)
{
	AUTO_FREE char *sql = xasprintf(
		"UPDATE container_manifest p SET is_bootable = u.boot, is_flatpak = NOT u.boot FROM"
		" (SELECT x.image_manifest_id AS id, bool_or(c.boot) AS boot FROM unnest($1::uuid[], $2::boolean[]) AS c(id, boot)"
		" JOIN container_manifestlistmanifest x ON x.manifest_list_id = c.id GROUP BY 1) u"
		" WHERE p.content_ptr_id = u.id AND NOT p.is_bootable AND NOT p.is_flatpak%s",
		m->schema->has_type   ? " AND p.type = 'index'"
		: m->schema->has_data ? " AND p.data <> ''"
				      : "");

	return pg_prepare(db, "parents", sql, (uint32_t[]){ PG_UUID_ARRAY, PG_BOOL_ARRAY }, 2, err);
}

bool manifest_write_prepare(const struct manifest_rows *m, struct pg *db, struct err *err)
{
	const uint32_t keys[] = { PG_UUID_ARRAY };

	return prepare_fill(m, db, err) && prepare_parents(m, db, err) &&
	       pg_prepare(
		       db, "free",
		       "SELECT content_ptr_id FROM container_manifest WHERE content_ptr_id = ANY($1)"
		       " ORDER BY content_ptr_id FOR NO KEY UPDATE SKIP LOCKED",
		       keys, 1, err) &&
	       (!m->recover ||
		(pg_prepare(
			 db, "hold",
			 "SELECT pulp_id FROM core_artifact WHERE pulp_id = ANY($1) ORDER BY pulp_id FOR KEY SHARE",
			 keys, 1, err) &&
		 pg_prepare(
			 db, "hold_free",
			 "SELECT pulp_id FROM core_artifact WHERE pulp_id = ANY($1) ORDER BY pulp_id FOR KEY SHARE SKIP LOCKED",
			 keys, 1, err)));
}

static void add_slice(struct pg_array *a, struct slice s)
{
	if (s.p)
		pg_array_bytes(a, s.p, s.len);
	else
		pg_array_null(a);
}

static void add_json(struct pg_array *a, struct slice s)
{
	if (s.p)
		pg_array_jsonb(a, s.p, s.len);
	else
		pg_array_jsonb(a, "{}", 2);
}

static void add_row(struct pg_array *a, const struct manifest_row *row, bool by_link)
{
	const struct manifest_out *o = &row->out;

	pg_array_bytes(&a[0], row->key, 16);
	pg_array_int4(&a[1], (int32_t)row->xmin);
	if (by_link && row->bytes) {
		pg_array_bytes(&a[2], row->artifact.link, 16);
		pg_array_bytes(&a[3], row->artifact.id, 16);
	} else {
		pg_array_null(&a[2]);
		pg_array_null(&a[3]);
	}
	struct pg_array *c = a + FILL_FIXED;
	add_json(&c[0], o->annotations);
	add_json(&c[1], o->labels);
	pg_array_bool(&c[2], o->is_bootable);
	pg_array_bool(&c[3], o->is_flatpak);
	add_slice(&c[4], row->bytes ? row->data : (struct slice){ 0 });
	add_slice(&c[5], row->type);
	add_slice(&c[6], o->architecture);
	add_slice(&c[7], o->os);
	if (o->size_null)
		pg_array_null(&c[8]);
	else
		pg_array_int8(&c[8], o->size);
}

/* Locks rows by key with a prepared statement; held[i] tells which could be had. */
static bool hold(struct pg *db, const char *statement, const char *const *keys, size_t n,
		 bool *held, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	struct pg_array ids;

	pg_array_init(&ids, PG_UUID);
	for (size_t i = 0; i < n; i++)
		pg_array_bytes(&ids, keys[i], 16);
	bool ok = pg_execute(db, statement,
			     (struct pg_param[]){ pg_array_param(&ids, PG_UUID_ARRAY) }, 1, true,
			     &r, err);
	pg_array_release(&ids);
	for (size_t i = 0; ok && i < n; i++) {
		bool found = false;
		for (size_t j = 0; j < pg_rows_count(r) && !found; j++)
			found = memcmp(pg_text(r, j, 0), keys[i], 16) == 0;
		held[i] &= found;
	}
	return ok;
}

/*
 * Recovery: the artifact row must still be there, and no cleanup may take it before we commit.
 * The artifact comes before the manifest, as in Pulp's own cleanup.
 */
static bool hold_rows(const struct manifest_rows *m, struct pg *db,
		      struct manifest_row *const *rows, size_t n, bool pass_locked, bool *held,
		      struct err *err)
{
	AUTO_FREE const char **keys = xcalloc(n + 1, sizeof(*keys));

	for (size_t i = 0; i < n; i++) {
		held[i] = true;
		keys[i] = rows[i]->artifact.id;
	}
	if (m->recover && !hold(db, pass_locked ? "hold_free" : "hold", keys, n, held, err))
		return false;
	for (size_t i = 0; i < n; i++)
		keys[i] = (const char *)rows[i]->key;
	return !pass_locked || hold(db, "free", keys, n, held, err);
}

static bool tell_parents(struct pg *db, struct manifest_row *const *rows, size_t n,
			 const bool *written, struct err *err)
{
	struct pg_array keys, boot;
	size_t k = 0;
	bool ok = true;

	pg_array_init(&keys, PG_UUID);
	pg_array_init(&boot, PG_BOOL);
	for (size_t i = 0; i < n; i++) {
		const struct manifest_out *o = &rows[i]->out;
		if (!written[i] || rows[i]->list || (!o->is_bootable && !o->is_flatpak))
			continue;
		pg_array_bytes(&keys, rows[i]->key, 16);
		pg_array_bool(&boot, o->is_bootable);
		k++;
	}
	if (k > 0)
		ok = pg_execute(db, "parents",
				(struct pg_param[]){ pg_array_param(&keys, PG_UUID_ARRAY),
						     pg_array_param(&boot, PG_BOOL_ARRAY) },
				2, false, NULL, err);
	pg_array_release(&keys);
	pg_array_release(&boot);
	return ok;
}

bool manifest_rows_write(const struct manifest_rows *m, struct pg *db,
			 struct manifest_row *const *rows, size_t n, bool pass_locked,
			 bool *written, struct err *err)
{
	struct pg_array a[FILL_FIXED + FILL_COLUMNS];
	struct pg_param p[FILL_FIXED + FILL_COLUMNS];
	AUTO_FREE bool *held = xcalloc(n + 1, sizeof(*held));
	AUTO_FREE const unsigned char **keys = xcalloc(n + 1, sizeof(*keys));
	AUTO_ROWS struct pg_rows *done = NULL;
	size_t used = FILL_FIXED;

	if (!hold_rows(m, db, rows, n, pass_locked, held, err))
		return false;
	pg_array_init(&a[0], PG_UUID);
	pg_array_init(&a[1], PG_XID);
	pg_array_init(&a[2], PG_UUID);
	pg_array_init(&a[3], PG_UUID);
	for (size_t i = 0; i < FILL_COLUMNS; i++)
		pg_array_init(&a[FILL_FIXED + i], columns[i].elem);
	for (size_t i = 0; i < n; i++) {
		written[i] = false;
		keys[i] = rows[i]->key;
		if (held[i])
			add_row(a, rows[i], !m->recover);
	}
	p[0] = pg_array_param(&a[0], PG_UUID_ARRAY);
	p[1] = pg_array_param(&a[1], PG_XID_ARRAY);
	p[2] = pg_array_param(&a[2], PG_UUID_ARRAY);
	p[3] = pg_array_param(&a[3], PG_UUID_ARRAY);
	for (size_t i = 0; i < FILL_COLUMNS; i++) {
		if (has_column(m->schema, &columns[i]))
			p[used++] = pg_array_param(&a[FILL_FIXED + i], columns[i].array);
	}
	bool ok = pg_execute(db, "fill", p, used, true, &done, err);
	for (size_t i = 0; i < ARRAY_LEN(a); i++)
		pg_array_release(&a[i]);
	for (size_t i = 0; ok && i < pg_rows_count(done); i++) {
		size_t at = find_key(keys, n, pg_text(done, i, 0));
		if (at < n)
			written[at] = true;
	}
	return ok && tell_parents(db, rows, n, written, err);
}
