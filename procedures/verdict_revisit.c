/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verdicts whose ground has changed; verdict_revisit.h says why. */
#include "procedures/verdict_revisit.h"
#include "lib/batch/verdict_file.h"
#include "lib/core/mem.h"
#include <stdlib.h>

/* Columns: id, domain, file, its size and time of change, and whether the database alone says
 * "changed". */
static char *manifest_sql(const struct revisit *r)
{
	struct pending_options o = { .refill = r->refill };
	AUTO_FREE char *images = pending_where(r->schema, PENDING_IMAGES, &o);
	AUTO_FREE char *lists = pending_where(r->schema, PENDING_LISTS, &o);
	AUTO_FREE char *lost = pending_where(r->schema, PENDING_LOST, &o);

	/* A row that was stored is looked at again only where that could add something. */
	return xasprintf(
		"SELECT id::text, domain, file, file_size, file_changed, changed FROM (SELECT v.*,"
		" m.content_ptr_id IS NULL OR %s v.fingerprint <> (CASE WHEN v.effect = 'quarantine' THEN %s ELSE %s END) AS changed,"
		" m.content_ptr_id IS NULL OR v.effect = 'quarantine' OR (%s) OR (%s) AS open, coalesce((%s), false) AS lost"
		" FROM %s v LEFT JOIN container_manifest m ON m.content_ptr_id = v.id"
		" WHERE v.kind = 'manifest' AND v.accepted IS NULL) v WHERE open AND %slost AND (changed OR file <> '')",
		/* Given at a level that had no place for data, before an upgrade brought it. */
		r->schema->has_data ? "v.effect <> 'quarantine' AND coalesce(m.data, '') = '' OR"
				    : "",
		r->schema->has_data ? manifest_unread_fingerprint_sql
				    : manifest_unread_fingerprint_no_data_sql,
		manifest_stored_fingerprint_sql, images, lists, lost, r->verdicts,
		r->kind == PENDING_LOST ? "" : "NOT ");
}

/* A link that was kept: the proof is asked for again. */
static char *link_sql(const struct revisit *r)
{
	return xasprintf(
		"SELECT v.id::text, '', '', 0, 0, true FROM %s v LEFT JOIN container_manifest m ON m.content_ptr_id = v.id"
		" WHERE v.kind = 'link' AND v.accepted IS NULL AND NOT EXISTS (SELECT FROM core_contentartifact c"
		" LEFT JOIN core_artifact a ON a.pulp_id = c.artifact_id WHERE c.content_id = m.content_ptr_id AND"
		" a.sha256 IS DISTINCT FROM encode(sha256(convert_to(m.data, 'UTF8')), 'hex'))",
		r->verdicts);
}

static bool select_candidates(const struct revisit *r, struct pg_rows **ret, struct err *err)
{
	bool link = r->kind == PENDING_DETACH;
	AUTO_FREE char *sql = link ? link_sql(r) : manifest_sql(r);

	if (link && !r->schema->has_data)
		return pg_query(r->db, "SELECT 1 WHERE false", NULL, 0, ret, err);
	return pg_query(r->db, sql, NULL, 0, ret, err) ||
	       err_wrap(err, "while looking whether rows that were set aside have changed");
}

static bool changed(const struct revisit *r, const struct pg_rows *rows, size_t i)
{
	int64_t size, when;

	if (pg_bool(rows, i, 5))
		return true;
	if (!storage_stat(r->storage, pg_text(rows, i, 1), pg_text(rows, i, 2), &size, &when))
		size = when = -1;
	return size != pg_int(rows, i, 3) || when != pg_int(rows, i, 4);
}

static bool find_any(const struct revisit *r, bool *any, struct err *err)
{
	AUTO_ROWS struct pg_rows *rows = NULL;

	*any = false;
	if (!select_candidates(r, &rows, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(rows) && !*any; i++)
		*any = changed(r, rows, i);
	return true;
}

bool revisit_forget(const struct revisit *r, struct err *err)
{
	AUTO_FREE char *sql =
		xasprintf("DELETE FROM %s WHERE kind = $1 AND id = $2::uuid AND accepted IS NULL",
			  r->verdicts);
	AUTO_ROWS struct pg_rows *rows = NULL;
	const char *kind = r->kind == PENDING_DETACH ? "link" : "manifest";

	if (!select_candidates(r, &rows, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(rows); i++) {
		if (changed(r, rows, i) &&
		    !pg_query(
			    r->db, sql,
			    (struct pg_param[]){ PG_P_TEXT(kind), PG_P_TEXT(pg_text(rows, i, 0)) },
			    2, NULL, err))
			return false;
	}
	return true;
}

bool revisit_settle(struct manifest_job *j, const char *label, enum pending_kind kind,
		    struct err *err)
{
	bool ok;

	do {
		const struct revisit r = { .db = j->control,
					   .verdicts = j->except,
					   .schema = &j->schema,
					   .storage = j->storage,
					   .kind = kind,
					   .refill = kind == PENDING_IMAGES && j->pending.refill };
		batch_lasts(&j->setup);
		ok = revisit_forget(&r, err);
	} while (batch_again(&j->setup, label, ok, err));
	return ok;
}

bool revisit_needed(const struct probe *p, const struct pulp_schema *schema,
		    const struct manifest_params *params, enum pending_kind kind, bool *any,
		    struct err *err)
{
	struct revisit r = {
		.db = p->db, .schema = schema, .kind = kind, .refill = params && params->refill
	};
	struct storage *storage = NULL;

	*any = false;
	if (!verdicts_source(p->db, config_get(p->config, "general.state_dir"), &r.verdicts, err))
		return false;
	if (!r.verdicts)
		return true;
	if (kind != PENDING_DETACH && !storage_open(p->config, &p->place, &storage, err))
		return false;
	r.storage = storage;
	bool ok = find_any(&r, any, err);
	storage_close(storage);
	return ok;
}
