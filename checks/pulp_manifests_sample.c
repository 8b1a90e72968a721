/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The digest proves the stored data; this proves what was derived from it.  A random sample of
 * manifests is classified anew from its data and its configuration blob, as if the columns were
 * empty, and compared with what the columns say.  The data stands for the artifact, which detach
 * may have dropped: a row whose data does not match its digest is left out here and seen by
 * pulp-manifests-digest.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/pulp/look.h"
#include "lib/pulp/manifest_rows.h"
#include <string.h>

/* Those that are compared, and those that they are drawn from. */
enum { SAMPLE = 200, DRAWN_FROM = 5000 };
static const unsigned char first_key[16] = { 0 };
static const unsigned char last_key[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
					    255, 255, 255, 255, 255, 255, 255, 255 };

static bool same_json(struct pg *db, struct slice a, struct slice b, bool *same, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	AUTO_FREE char *x = xstrndup(a.p ? a.p : "{}", a.p ? a.len : 2);
	AUTO_FREE char *y = xstrndup(b.p ? b.p : "{}", b.p ? b.len : 2);

	if (!pg_query(db, "SELECT $1::jsonb = $2::jsonb",
		      (struct pg_param[]){ PG_P_TEXT(x), PG_P_TEXT(y) }, 2, &r, err))
		return false;
	*same = pg_bool(r, 0, 0);
	return true;
}

static bool same_text(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool same_size(const struct manifest_row *row)
{
	return row->out.size_null == row->size_null &&
	       (row->size_null || row->out.size == row->size);
}

/*
 * What the children make of their list, for row->out.  One without a type still has its flag of the
 * push; an index among them hands nothing on.  Whichever of the two kinds the list was given is
 * right when it has children of both.
 */
static bool ask_children(struct pg *db, struct manifest_row *row, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(
		    db,
		    "SELECT coalesce(bool_or(k.type = 'bootable' OR k.is_bootable AND coalesce(k.type, '') = ''), false),"
		    " coalesce(bool_or(k.type = 'flatpak' OR k.is_flatpak AND coalesce(k.type, '') = ''), false)"
		    " FROM container_manifestlistmanifest x"
		    " JOIN container_manifest k ON k.content_ptr_id = x.manifest_list_id"
		    " WHERE x.image_manifest_id = $1",
		    (struct pg_param[]){ PG_P_BIN(PG_UUID, row->key, 16) }, 1, &r, err))
		return false;
	bool bootable = pg_bool(r, 0, 0), flatpak = pg_bool(r, 0, 1);

	row->out.is_bootable = bootable && (row->is_bootable || !flatpak || !row->is_flatpak);
	row->out.is_flatpak = flatpak && (row->is_flatpak || !bootable);
	return true;
}

/* *field names the first column that differs, or NULL. */
static bool compare(struct pg *db, struct manifest_row *row, const char **field, struct err *err)
{
	const struct manifest_out *o = &row->out;
	bool annotations = true, labels = true;

	if (row->list && !ask_children(db, row, err))
		return false;

	if ((o->set_annotations &&
	     !same_json(db, o->annotations, row->annotations, &annotations, err)) ||
	    (o->set_labels && !same_json(db, o->labels, row->labels, &labels, err)))
		return false;
	struct slice type = { o->type, o->type ? strlen(o->type) : 0 };
	*field = !annotations							? "annotations"
		 : !labels							? "labels"
		 : o->set_type && !same_text(type, row->type)			? "type"
		 : o->is_bootable != row->is_bootable				? "is_bootable"
		 : o->is_flatpak != row->is_flatpak				? "is_flatpak"
		 : o->set_oas && !same_text(o->architecture, row->architecture) ? "architecture"
		 : o->set_oas && !same_text(o->os, row->os)			? "os"
		 : o->set_oas && !same_size(row) ? "compressed_image_size"
						 : NULL;
	return true;
}

static bool judge(const struct manifest_rows *m, struct pg *db, struct manifest_window *w,
		  struct outcome *out, struct err *err)
{
	size_t looked = 0, wrong = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct manifest_row *row = &w->rows[i];
		const char *field;
		/* A configuration that is gone cannot contradict anything. */
		if (!manifest_row_rederive(m, row) || row->reason != REASON_NONE)
			continue;
		if (!compare(db, row, &field, err))
			return false;
		looked++;
		wrong += field != NULL;
		if (field)
			outcome_example(out, "%s: %s", row->digest, field);
	}
	if (wrong == 0) {
		outcome_set(out, RESULT_OK,
			    "%zu sampled manifest(s) say(s|) what (its|their) columns say", looked);
		return true;
	}
	outcome_set(
		out, RESULT_WARNING,
		"%zu of %zu sampled manifest(s) say(s|) something else than (its|their) columns",
		wrong, looked);
	outcome_hint(
		out,
		"Labels that were missing since the push are filled by `plmaint pre-migrate run --refill`.");
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct pulp_schema s;
	struct storage *storage = NULL;
	struct manifest_window w = { 0 };
	struct look_sample some;

	(void)params;
	if (!pulp_schema_probe(p->db, false, true, &s, err))
		return false;
	if (!s.has_type) {
		outcome_set(out, RESULT_SKIPPED, "schema level %04d derives too little to compare",
			    s.level);
		return true;
	}
	if (!look_sample(p, "container_manifest", DRAWN_FROM, false, &some, err))
		return false;
	AUTO_FREE char *where = xasprintf(
		"m.content_ptr_id IN (SELECT content_ptr_id FROM container_manifest%s WHERE data <> ''"
		" ORDER BY random() LIMIT %d)",
		some.clause, SAMPLE);
	struct manifest_rows m = { .schema = &s, .pending = where };
	if (!storage_open(p->config, &p->place, &storage, err))
		return false;
	m.storage = storage;
	/* Asked again after a pause, on the same session, it is prepared already. */
	bool ok = pg_exec(p->db, "DEALLOCATE ALL", err) && manifest_rows_prepare(&m, p->db, err) &&
		  manifest_rows_fetch(&m, p->db, first_key, last_key, SAMPLE, 64u << 20, &w, err) &&
		  judge(&m, p->db, &w, out, err);
	manifest_window_release(&w);
	storage_close(storage);
	return ok;
}

const struct check check_pulp_manifests_sample = {
	.label = "pulp-manifests-sample",
	.summary = "the derived columns of a random sample are what its manifests say",
	.source = "container_manifest, container_manifestlistmanifest, files of artifacts",
	.explain =
		"Type, labels, annotations, platform and size are derived from the manifest and its configuration; a sample of 200 "
		"is derived again from the stored data and compared, a list's flags with its children.",
	.cost = "200 manifests and the files of their configurations",
	.tags = (const char *const[]){ "post-migrate", NULL },
	.needs = NEED_DB | NEED_MEDIA,
	.run = run,
};
