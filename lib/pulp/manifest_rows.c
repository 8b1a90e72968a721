/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The read side: one keyset query a window joins manifest, artifact and config artifact; readers
 * then verify and classify.  manifest_write.c has the statements that change something.
 */
#include "lib/pulp/manifest_rows.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns of the window query; plain integers, as libpq counts them. */
enum {
	COL_ID,
	COL_XMIN,
	COL_DIGEST,
	COL_MEDIA,
	COL_CONFIG,
	COL_ANNOTATIONS,
	COL_LABELS,
	COL_BOOTABLE,
	COL_FLATPAK,
	COL_DATA_LEN,
	COL_TYPE,
	COL_ARCH,
	COL_OS,
	COL_SIZE,
	COL_LINK,
	COL_ARTIFACT,
	COL_FILE,
	COL_ASIZE,
	COL_SHA256,
	COL_DOMAIN,
	COL_CLINK,
	COL_CARTIFACT,
	COL_CFILE,
	COL_CASIZE,
	COL_CSHA256,
	COL_CDOMAIN,
	COL_CHILD_BOOTABLE,
	COL_CHILD_FLATPAK
};

/* Inheritance reads the children as they are now.  image_manifest_id is the list, manifest_list_id
 * the listed image: the names are swapped in Pulp's schema. */
#define LIST_TYPES                                                      \
	"('application/vnd.docker.distribution.manifest.list.v2+json'," \
	" 'application/vnd.oci.image.index.v1+json')"

static char *child_flag(const struct pulp_schema *s, const char *type, const char *column)
{
	return xasprintf(
		"m.list AND EXISTS (SELECT FROM container_manifestlistmanifest x JOIN container_manifest k"
		" ON k.content_ptr_id = x.manifest_list_id WHERE x.image_manifest_id = m.content_ptr_id AND %s%s%s)",
		s->has_type ? "k.type = '" : "k.media_type NOT IN " LIST_TYPES " AND k.",
		s->has_type ? type : column, s->has_type ? "'" : "");
}

#define ARTIFACT(a, d) a ".pulp_id, " a ".file, " a ".size, " a ".sha256, " d ".name"

static char *window_sql(const struct manifest_rows *m)
{
	const struct pulp_schema *s = m->schema;
	AUTO_FREE char *bootable = child_flag(s, "bootable", "is_bootable");
	AUTO_FREE char *flatpak = child_flag(s, "flatpak", "is_flatpak");
	/* Recovery looks for the artifact by digest; a normal window follows the link. */
	const char *link =
		m->recover ? "LEFT JOIN core_contentartifact c ON false"
			   : "LEFT JOIN core_contentartifact c ON c.content_id = m.content_ptr_id";
	const char *artifact =
		!m->recover ? "LEFT JOIN core_artifact a ON a.pulp_id = c.artifact_id"
		: s->has_domain
			? "LEFT JOIN core_artifact a ON a.sha256 = substr(m.digest, 8) AND a.pulp_domain_id = m._pulp_domain_id"
			: "LEFT JOIN core_artifact a ON a.sha256 = substr(m.digest, 8)";

	return xasprintf(
		"SELECT m.content_ptr_id, m.xmin, m.digest, m.media_type, m.config_blob_id, m.annotations::text, m.labels::text,"
		" m.is_bootable, m.is_flatpak, %s, %s, c.pulp_id, " ARTIFACT("a", "d") ", cc.pulp_id, " ARTIFACT(
			"ca",
			"cd") ","
			      " %s, %s FROM (SELECT m.*, m.xmin, m.media_type IN " LIST_TYPES
			      " AS list FROM container_manifest m"
			      " WHERE " MANIFEST_AFTER
			      " AND m.content_ptr_id <= $2 AND %s ORDER BY m.content_ptr_id LIMIT $3) m"
			      " %s %s LEFT JOIN core_domain d ON d.pulp_id = a.pulp_domain_id"
			      " LEFT JOIN core_contentartifact cc ON cc.content_id = m.config_blob_id"
			      " LEFT JOIN core_artifact ca ON ca.pulp_id = cc.artifact_id"
			      " LEFT JOIN core_domain cd ON cd.pulp_id = ca.pulp_domain_id ORDER BY m.content_ptr_id",
		s->has_data ? "coalesce(octet_length(m.data), 0)::bigint" : "0::bigint",
		s->has_type ? "m.type::text, m.architecture, m.os, m.compressed_image_size::bigint"
			    : "NULL::text, NULL::text, NULL::text, NULL::bigint",
		bootable, flatpak, m->pending, link, artifact);
}

bool manifest_rows_prepare(const struct manifest_rows *m, struct pg *db, struct err *err)
{
	AUTO_FREE char *window = window_sql(m);
	const uint32_t types[] = { PG_UUID, PG_UUID, PG_INT8 };

	return pg_prepare(db, "window", window, types, 3, err) &&
	       (!m->schema->has_data ||
		pg_prepare(
			db, "data",
			"SELECT content_ptr_id, data FROM container_manifest WHERE content_ptr_id = ANY($1)",
			(uint32_t[]){ PG_UUID_ARRAY }, 1, err));
}

static struct slice text_at(const struct pg_rows *r, size_t i, int col)
{
	return pg_is_null(r, i, col) ? (struct slice){ 0 }
				     : (struct slice){ pg_text(r, i, col), pg_len(r, i, col) };
}

static void take_artifact(const struct pg_rows *r, size_t i, int link, struct artifact_ref *a)
{
	const int id = link + 1, file = link + 2, size = link + 3, sha256 = link + 4,
		  domain = link + 5;
	const char *link_id = pg_is_null(r, i, link) ? NULL : pg_text(r, i, link);
	bool has = !pg_is_null(r, i, id);

	if (link_id && a->link && memcmp(link_id, a->link, 16) == 0)
		return; /* the same link again, multiplied by the other join */
	a->links += link_id != NULL;
	if (has && a->id && memcmp(a->id, pg_text(r, i, id), 16) == 0)
		return;
	a->artifacts += has;
	if ((!has && a->link) || (has && a->id && memcmp(a->id, pg_text(r, i, id), 16) < 0))
		return;
	a->link = link_id;
	if (!has)
		return;
	a->id = pg_text(r, i, id);
	a->file = pg_text(r, i, file);
	a->size = pg_int(r, i, size);
	a->sha256 = pg_text(r, i, sha256);
	a->domain = pg_text(r, i, domain);
}

static void take_row(const struct pg_rows *r, size_t i, struct manifest_row *row)
{
	row->key = (const unsigned char *)pg_text(r, i, COL_ID);
	row->xmin = (uint32_t)pg_int(r, i, COL_XMIN);
	row->digest = pg_text(r, i, COL_DIGEST);
	row->media_type = pg_text(r, i, COL_MEDIA);
	row->list = manifest_is_list(row->media_type);
	row->has_config = !pg_is_null(r, i, COL_CONFIG);
	row->annotations = text_at(r, i, COL_ANNOTATIONS);
	row->labels = text_at(r, i, COL_LABELS);
	row->is_bootable = pg_bool(r, i, COL_BOOTABLE);
	row->is_flatpak = pg_bool(r, i, COL_FLATPAK);
	row->data_len = pg_int(r, i, COL_DATA_LEN);
	row->type = text_at(r, i, COL_TYPE);
	row->architecture = text_at(r, i, COL_ARCH);
	row->os = text_at(r, i, COL_OS);
	row->size_null = pg_is_null(r, i, COL_SIZE);
	row->size = row->size_null ? 0 : pg_int(r, i, COL_SIZE);
	row->child_bootable = pg_bool(r, i, COL_CHILD_BOOTABLE);
	row->child_flatpak = pg_bool(r, i, COL_CHILD_FLATPAK);
}

size_t manifest_row_bytes(const struct manifest_row *row)
{
	int64_t n = row->data_len > 0 ? row->data_len : row->artifact.size;

	n += row->config.size;
	return n > 0 ? (size_t)n : 0;
}

/* Rows whose bytes are in the data column already: they are fetched apart, since only here their
 * size is known. */
static bool fetch_data(const struct manifest_window *w, struct pg *db, struct pg_rows **ret,
		       struct err *err)
{
	struct pg_array keys;
	size_t want = 0;

	pg_array_init(&keys, PG_UUID);
	for (size_t i = 0; i < w->n; i++) {
		if (w->rows[i].data_len > 0) {
			pg_array_bytes(&keys, w->rows[i].key, 16);
			want++;
		}
	}
	bool ok =
		want == 0 ||
		pg_execute(db, "data", (struct pg_param[]){ pg_array_param(&keys, PG_UUID_ARRAY) },
			   1, true, ret, err);
	pg_array_release(&keys);
	for (size_t i = 0; ok && *ret && i < pg_rows_count(*ret); i++) {
		for (size_t j = 0; j < w->n; j++) {
			struct manifest_row *row = &w->rows[j];
			if (row->data_len > 0 && memcmp(row->key, pg_text(*ret, i, 0), 16) == 0)
				row->data =
					(struct slice){ pg_text(*ret, i, 1), pg_len(*ret, i, 1) };
		}
	}
	return ok;
}

bool manifest_rows_fetch(const struct manifest_rows *m, struct pg *db, const unsigned char *after,
			 const unsigned char *hi, int max_rows, size_t max_bytes,
			 struct manifest_window *ret, struct err *err)
{
	struct manifest_window w = { 0 };
	char limit[12];
	size_t bytes = 0;
	bool cut = false;

	(void)m;
	snprintf(limit, sizeof(limit), "%d", max_rows);
	if (!pg_execute(db, "window",
			(struct pg_param[]){ PG_P_BIN(PG_UUID, after, 16),
					     PG_P_BIN(PG_UUID, hi, 16), PG_P_TEXT(limit) },
			3, true, &w.result, err))
		return err_wrap(err, "while reading manifests");
	w.rows = xcalloc(pg_rows_count(w.result) + 1, sizeof(*w.rows));
	for (size_t i = 0; i < pg_rows_count(w.result); i++) {
		struct manifest_row *row = w.n > 0 ? &w.rows[w.n - 1] : NULL;
		if (!row || memcmp(row->key, pg_text(w.result, i, COL_ID), 16) != 0) {
			row = &w.rows[w.n++];
			take_row(w.result, i, row);
		}
		take_artifact(w.result, i, COL_LINK, &row->artifact);
		take_artifact(w.result, i, COL_CLINK, &row->config);
	}
	w.more = w.n >= (size_t)max_rows;
	/* A window holds what fits; a row larger than that runs alone. */
	for (size_t i = 0; i < w.n && !cut; i++) {
		bytes += manifest_row_bytes(&w.rows[i]);
		if (i > 0 && bytes > max_bytes) {
			w.n = i;
			w.more = cut = true;
		}
	}
	if (!fetch_data(&w, db, &w.data, err)) {
		manifest_window_release(&w);
		return false;
	}
	*ret = w;
	return true;
}

void manifest_window_release(struct manifest_window *w)
{
	for (size_t i = 0; i < w->n; i++)
		manifest_row_unload(&w->rows[i]);
	free(w->rows);
	pg_rows_free(w->result);
	pg_rows_free(w->data);
	*w = (struct manifest_window){ 0 };
}

static void refuse(struct manifest_row *row, enum reason reason)
{
	row->bad = true;
	row->reason = reason;
}

/* Bytes of one artifact that are what the database says of them. */
static enum reason read_verified(const struct manifest_rows *m, struct manifest_row *row,
				 const struct artifact_ref *a, struct fs_file *file)
{
	char hex[65];
	double began = clock_monotonic();
	enum reason reason = storage_read(m->storage, a->domain, a->file, a->size, file);
	double read = clock_monotonic();

	row->reading += read - began;
	if (reason != REASON_NONE)
		return reason;
	sha256_hex(file->data, file->len, hex);
	row->hashing += clock_monotonic() - read;
	if (strcmp(hex, a->sha256) == 0)
		return REASON_NONE;
	free(file->data);
	file->data = NULL;
	return REASON_SHA256_MISMATCH;
}

/* Remembers the file's size and time of change: when they change, the row is looked at again. */
static void blame(const struct manifest_rows *m, struct manifest_row *row,
		  const struct artifact_ref *a)
{
	row->about = a;
	if (!storage_stat(m->storage, a->domain, a->file, &row->file_size, &row->file_changed))
		row->file_size = row->file_changed = -1;
}

/* The manifest's own bytes: the data column where it is set, else the artifact. */
static bool load_data(const struct manifest_rows *m, struct manifest_row *row)
{
	const struct artifact_ref *a = &row->artifact;
	struct fs_file file = { 0 };
	enum reason reason = REASON_NONE;

	if (row->data_len > 0) {
		if (!row->data.p || !manifest_digest_matches(row->media_type, row->digest,
							     row->data.p, row->data.len))
			refuse(row, row->data.p ? REASON_DIGEST_MISMATCH : REASON_ROW_CHANGED);
		return !row->bad;
	}
	if (a->artifacts == 0)
		reason = a->links > 0 ? REASON_LINK_WITHOUT_ARTIFACT : REASON_NO_LINK;
	else if (a->artifacts > 1)
		reason = REASON_SEVERAL_ARTIFACTS;
	if (reason != REASON_NONE) {
		refuse(row, reason);
		return false;
	}
	reason = read_verified(m, row, a, &file);
	/* The common row was hashed just now: its digest is its artifact's sha256. */
	if (reason == REASON_NONE &&
	    (strncmp(row->digest, "sha256:", 7) != 0 || strcmp(row->digest + 7, a->sha256) != 0) &&
	    !manifest_digest_matches(row->media_type, row->digest, file.data, file.len))
		reason = REASON_DIGEST_MISMATCH;
	if (reason == REASON_NONE && m->schema->has_data)
		reason = file.len == 0 ? REASON_EMPTY : manifest_storable(file.data, file.len);
	if (reason != REASON_NONE) {
		free(file.data);
		refuse(row, reason);
		blame(m, row, a);
		return false;
	}
	row->bytes = file.data;
	row->data = (struct slice){ file.data, file.len };
	return true;
}

static enum reason load_config(const struct manifest_rows *m, struct manifest_row *row,
			       struct fs_file *file)
{
	const struct artifact_ref *c = &row->config;

	if (c->artifacts != 1)
		return c->artifacts > 1 ? REASON_CONFIG_SEVERAL_ARTIFACTS
		       : c->links > 0	? REASON_CONFIG_NO_ARTIFACT
					: REASON_CONFIG_NO_LINK;
	enum reason reason = read_verified(m, row, c, file);
	if (reason == REASON_NONE || reason == REASON_MEDIA_GONE)
		return reason;
	blame(m, row, c);
	return reason == REASON_FILE_MISSING ? REASON_CONFIG_FILE_MISSING : REASON_CONFIG_FILE_BAD;
}

static bool empty_json(struct slice s)
{
	return !s.p || (s.len == 2 && memcmp(s.p, "{}", 2) == 0);
}

static bool empty_text(struct slice s)
{
	return !s.p || s.len == 0;
}

static bool same_text(struct slice a, struct slice b)
{
	return (a.p == NULL) == (b.p == NULL) && a.len == b.len &&
	       (!a.p || memcmp(a.p, b.p, a.len) == 0);
}

/* An index is bootable or a flatpak when one of its children is. */
static void inherit(const struct manifest_rows *m, struct manifest_row *row)
{
	bool typed_now = m->schema->has_type
				 ? row->out.set_type
				 : row->bytes != NULL || !m->schema->has_data || m->refill;
	bool typed_before = m->schema->has_type && row->type.len == 5 &&
			    memcmp(row->type.p, "index", 5) == 0 && !row->is_bootable &&
			    !row->is_flatpak;

	if (!typed_now && !typed_before)
		return;
	row->out.is_bootable = row->child_bootable;
	row->out.is_flatpak = !row->child_bootable && row->child_flatpak;
}

/* The columns as they will be; unset ones keep what they have, so that one statement fits all. */
static void settle_columns(const struct manifest_rows *m, struct manifest_row *row)
{
	struct manifest_out *o = &row->out;
	bool same = !row->bytes || !m->schema->has_data;

	same = same &&
	       (!o->set_annotations ||
		(empty_json(o->annotations) && empty_json(row->annotations))) &&
	       (!o->set_labels || (empty_json(o->labels) && empty_json(row->labels)));
	if (!o->set_annotations)
		o->annotations = row->annotations;
	if (!o->set_labels)
		o->labels = row->labels;
	struct slice type =
		o->set_type && o->type ? (struct slice){ o->type, strlen(o->type) } : row->type;
	same = same && same_text(type, row->type);
	row->type = type;
	if (o->set_oas) {
		same = same && same_text(o->architecture, row->architecture) &&
		       same_text(o->os, row->os) && o->size_null == row->size_null &&
		       (o->size_null || o->size == row->size);
	} else {
		o->architecture = row->architecture;
		o->os = row->os;
		o->size = row->size;
		o->size_null = row->size_null;
	}
	same = same && (row->is_bootable || !o->is_bootable) && (row->is_flatpak || !o->is_flatpak);
	o->is_bootable |= row->is_bootable;
	o->is_flatpak |= row->is_flatpak;
	row->same = same;
	if (!m->schema->has_data)
		row->final_pending =
			empty_json(o->annotations) && (row->list || empty_json(o->labels));
	else if (m->schema->has_type && !row->list)
		row->final_pending = empty_text(row->type) ||
				     (empty_text(o->architecture) && empty_text(o->os) &&
				      (o->size_null || o->size == 0));
	else if (m->schema->has_type)
		row->final_pending = empty_text(row->type);
	if (m->refill && !row->list && row->has_config && empty_json(o->labels))
		row->final_pending = true;
}

void manifest_row_load(const struct manifest_rows *m, struct manifest_row *row)
{
	struct fs_file config = { 0 };
	struct manifest_in in = { .media_type = row->media_type };

	if (!load_data(m, row))
		return;
	in.data = row->data;
	in.data_is_new = row->bytes != NULL;
	in.has_config = row->has_config;
	if (row->has_config && !row->list) {
		in.config_problem = load_config(m, row, &config);
		if (in.config_problem == REASON_MEDIA_GONE) {
			refuse(row, REASON_MEDIA_GONE);
			return;
		}
	}
	in.config = (struct slice){ config.data, config.len };
	in.annotations = row->annotations;
	in.labels = row->labels;
	in.has_type = !empty_text(row->type);
	/*
	 * A stored row without type or labels waited for its configuration: the type depends on the
	 * labels, and the platform is missing though the size is there.
	 */
	bool waited = row->data_len > 0 && m->schema->has_type && !row->list && !in.has_type &&
		      empty_json(row->labels);
	in.has_oas = !empty_text(row->architecture) || !empty_text(row->os) ||
		     (!waited && !row->size_null && row->size != 0);
	in.level_type = m->schema->has_type;
	in.size_is_int4 = m->schema->size_is_int4;
	in.refill = m->refill || waited;
	double began = clock_monotonic();
	manifest_classify(&in, &row->out);
	row->parsing += clock_monotonic() - began;
	row->reason = row->out.reason;
	row->missing = row->out.missing;
	if (row->list)
		inherit(m, row);
	row->config_bytes = config.data; /* labels and the like borrow from it */
	settle_columns(m, row);
}

bool manifest_row_read(const struct manifest_rows *m, struct manifest_row *row)
{
	if (row->data_len == 0 && !m->storage) {
		refuse(row, REASON_ROW_CHANGED);
		return false;
	}
	return load_data(m, row);
}

bool manifest_row_rederive(const struct manifest_rows *m, struct manifest_row *row)
{
	struct fs_file config = { 0 };
	struct manifest_in in = { .media_type = row->media_type,
				  .data_is_new = true,
				  .has_config = row->has_config,
				  .level_type = m->schema->has_type,
				  .size_is_int4 = m->schema->size_is_int4 };

	if (!load_data(m, row))
		return false;
	in.data = row->data;
	if (row->has_config && !row->list)
		in.config_problem = load_config(m, row, &config);
	row->config_bytes = config.data;
	in.config = (struct slice){ config.data, config.len };
	manifest_classify(&in, &row->out);
	row->reason = row->out.reason;
	return true;
}

void manifest_row_unload(struct manifest_row *row)
{
	free(row->bytes);
	free(row->config_bytes);
	free(row->fingerprint);
	row->bytes = row->config_bytes = row->fingerprint = NULL;
	strbuf_release(&row->out.own);
}

static void add_uuid(struct strbuf *b, const char *id)
{
	char text[37];

	if (id) {
		uuid_format((const unsigned char *)id, text);
		strbuf_adds(b, text);
	}
	strbuf_adds(b, "/");
}

char *manifest_row_fingerprint(const struct manifest_rows *m, const struct manifest_row *row)
{
	struct strbuf b = { 0 };

	if (row->bad) {
		/* What recovery finds by digest is not linked. */
		add_uuid(&b, m->recover ? NULL : row->artifact.id);
		strbuf_addf(&b, "%d/%lld/", m->recover ? 0 : row->artifact.artifacts,
			    (long long)row->data_len);
	} else {
		add_uuid(&b, row->config.id);
		strbuf_addf(&b, "%d/", row->config.artifacts);
	}
	strbuf_adds(&b, row->media_type);
	return strbuf_take(&b);
}

/* The smallest id stands for several, which the count tells apart. */
#define ARTIFACTS_OF(key)                                                              \
	"(SELECT concat(min(c.artifact_id::text), '/', count(DISTINCT c.artifact_id))" \
	" FROM core_contentartifact c WHERE c.content_id = " key ")"
const char manifest_unread_fingerprint_sql[] = ARTIFACTS_OF(
	"m.content_ptr_id") " || '/' || coalesce(octet_length(m.data), 0) || '/' || m.media_type";
const char manifest_unread_fingerprint_no_data_sql[] =
	ARTIFACTS_OF("m.content_ptr_id") " || '/0/' || m.media_type";
const char manifest_stored_fingerprint_sql[] =
	ARTIFACTS_OF("m.config_blob_id") " || '/' || m.media_type";

bool manifest_repositories(struct pg *db, const unsigned char key[16], char ***ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT DISTINCT r.name FROM core_repositorycontent rc JOIN core_repository r ON r.pulp_id = rc.repository_id"
		    " WHERE rc.content_id = $1 AND rc.version_removed_id IS NULL ORDER BY 1 LIMIT 100",
		    (struct pg_param[]){ PG_P_BIN(PG_UUID, key, 16) }, 1, &r, err))
		return false;
	char **names = xcalloc(pg_rows_count(r) + 1, sizeof(*names));
	for (size_t i = 0; i < pg_rows_count(r); i++)
		names[i] = xstrdup(pg_text(r, i, 0));
	*ret = names;
	return true;
}
