/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The predicates.  They follow what container-handle-image-data would *change*, not what it
 * selects: it selects rows whose os or architecture is rightly NULL again on every run.  What a
 * migrated row fails by comes first: a second run has nothing but such rows, and PostgreSQL looks
 * at conditions in this order.
 */
#include "lib/pulp/pending.h"
#include "lib/core/mem.h"
#include <stdlib.h>

#define LISTS                                                                           \
	"m.media_type IN ('application/vnd.docker.distribution.manifest.list.v2+json'," \
	" 'application/vnd.oci.image.index.v1+json')"
#define NO_DATA "(m.data IS NULL OR m.data = '')"
#define NO_TYPE "(m.type IS NULL OR m.type = '')"
#define NO_PLATFORM \
	"(coalesce(m.compressed_image_size, 0) = 0 AND coalesce(m.architecture, '') = '' AND coalesce(m.os, '') = '')"
#define NO_LABELS "(m.labels = '{}'::jsonb)"
#define NO_ANNOTATIONS "(m.annotations = '{}'::jsonb)"
#define LINKED "EXISTS (SELECT FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id)"

static void images(const struct pulp_schema *s, const struct pending_options *o, struct strbuf *b)
{
	if (!s->has_data)
		strbuf_adds(b, NO_ANNOTATIONS " AND " NO_LABELS);
	else
		strbuf_addf(b, "(" NO_DATA "%s%s)",
			    s->has_type ? " OR " NO_TYPE " OR " NO_PLATFORM : "",
			    o->refill ? " OR (" NO_LABELS " AND m.config_blob_id IS NOT NULL)"
				      : "");
	strbuf_adds(b, " AND NOT " LISTS);
}

static void lists(const struct pulp_schema *s, const struct pending_options *o, struct strbuf *b)
{
	if (!s->has_data)
		strbuf_adds(b, NO_ANNOTATIONS);
	else if (!s->has_type)
		strbuf_adds(b, NO_DATA);
	else
		strbuf_addf(b, "(" NO_DATA " OR (" NO_TYPE "%s))",
			    o->refill ? "" : " AND " NO_ANNOTATIONS);
	strbuf_adds(b, " AND " LISTS);
}

/* Domains share digests, so an artifact of another domain is not this manifest's.  each: "", or
 * how a row's link and artifact are looked up by themselves. */
static void lost(const struct pulp_schema *s, const char *each, struct strbuf *b)
{
	strbuf_addf(
		b,
		NO_DATA
		" AND NOT EXISTS (SELECT FROM core_contentartifact c WHERE c.content_id = m.content_ptr_id"
		" AND c.artifact_id IS NOT NULL%s)"
		" AND EXISTS (SELECT FROM core_artifact a WHERE a.sha256 = substr(m.digest, 8)%s%s)",
		each, s->has_domain ? " AND a.pulp_domain_id = m._pulp_domain_id" : "", each);
}

/* Those whose labels upstream may have missed: what a refill has looked at is known. */
static char *unlabelled_where(const struct pulp_schema *s, const struct pending_options *o)
{
	struct strbuf b = { 0 };

	if (!s->has_data)
		return xstrdup("false");
	strbuf_adds(&b, NO_LABELS " AND m.config_blob_id IS NOT NULL AND NOT " NO_DATA
				  " AND NOT " LISTS);
	if (o->except)
		strbuf_addf(&b,
			    " AND NOT EXISTS (SELECT FROM %s v WHERE v.kind = 'manifest'"
			    " AND v.id = m.content_ptr_id)",
			    o->except);
	return strbuf_take(&b);
}

char *pending_where(const struct pulp_schema *s, enum pending_kind kind,
		    const struct pending_options *o)
{
	struct strbuf b = { 0 };

	switch (kind) {
	case PENDING_LOST:
	case PENDING_LOST_IMAGES:
	case PENDING_LOST_LISTS:
		if (s->has_data)
			lost(s, "", &b);
		else
			strbuf_adds(&b, "false");
		if (kind != PENDING_LOST)
			strbuf_adds(&b,
				    kind == PENDING_LOST_LISTS ? " AND " LISTS : " AND NOT " LISTS);
		break;
	case PENDING_IMAGES:
		images(s, o, &b);
		break;
	case PENDING_LISTS:
		lists(s, o, &b);
		break;
	case PENDING_DETACH:
		strbuf_adds(&b, s->has_data ? "NOT " NO_DATA " AND " LINKED : "false");
		break;
	}
	if (o->without_lost && s->has_data && kind != PENDING_DETACH) {
		/* Below NOT the server might else read all links at once, for each window anew. */
		strbuf_adds(&b, " AND NOT (");
		lost(s, " OFFSET 0", &b);
		strbuf_adds(&b, ")");
	}
	if (o->except) /* a lost row may have been set aside as such before its artifact was looked
			  for */
		strbuf_addf(
			&b,
			" AND NOT EXISTS (SELECT FROM %s v WHERE v.kind = '%s' AND v.id = m.content_ptr_id%s)",
			o->except, kind == PENDING_DETACH ? "link" : "manifest",
			kind <= PENDING_LOST_LISTS
				? " AND v.reason NOT IN ('no-link', 'link-without-artifact')"
				: "");
	if (o->repository_id)
		strbuf_addf(
			&b,
			" AND m.content_ptr_id IN (SELECT rc.content_id FROM core_repositorycontent rc"
			" WHERE rc.repository_id = '%s'::uuid AND rc.version_removed_id IS NULL)",
			o->repository_id);
	return strbuf_take(&b);
}

char *pending_select(const struct pulp_schema *s, enum pending_kind kind,
		     const struct pending_options *o)
{
	AUTO_FREE char *where = pending_where(s, kind, o);

	return xasprintf("SELECT m.content_ptr_id AS key FROM container_manifest m WHERE %s",
			 where);
}

static bool ask(struct pg *db, const char *sql, int64_t *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, sql, NULL, 0, &r, err))
		return false;
	*ret = pg_int(r, 0, 0);
	return true;
}

/*
 * limit: "" to count, " LIMIT 1" for whether there is any.  Links are found by a join of whole
 * tables.  The statistics may date from before the migration, when no manifest had data: the
 * planner would take an index step for each of what it believes to be one row.  First the question
 * that needs no row of a manifest, only its index: after a migration there is no link any more.
 */
static bool ask_links(struct pg *db, const struct pulp_schema *s, const struct pending_options *o,
		      const char *limit, int64_t *ret, struct err *err)
{
	AUTO_FREE char *pending = pending_select(s, PENDING_DETACH, o);
	AUTO_FREE char *sql = xasprintf("SELECT count(*) FROM (%s%s) p", pending, limit);
	int64_t any = 0;
	struct err ignored;

	*ret = 0;
	if (!s->has_data)
		return true;
	if (!pg_exec(db, "BEGIN; SET LOCAL enable_nestloop TO off", err))
		return false;
	bool ok = ask(db,
		      "SELECT count(*) FROM (SELECT FROM container_manifest m"
		      " JOIN core_contentartifact c ON c.content_id = m.content_ptr_id LIMIT 1) l",
		      &any, err) &&
		  (any == 0 || ask(db, sql, ret, err));
	(void)!pg_exec(db, "ROLLBACK", &ignored);
	return ok;
}

/* What is a candidate by its own row alone: a scan that PostgreSQL may share among processes. */
static bool count_candidates(struct pg *db, const struct pulp_schema *s,
			     const struct pending_options *o, struct pending_counts *ret,
			     struct err *err)
{
	const struct pending_options own = { .refill = o->refill };
	AUTO_FREE char *images = pending_where(s, PENDING_IMAGES, &own);
	AUTO_FREE char *lists = pending_where(s, PENDING_LISTS, &own);
	AUTO_FREE char *unlabelled = unlabelled_where(s, &own);
	AUTO_FREE char *sql = xasprintf(
		"SELECT count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s),"
		" count(*) FILTER (WHERE %s), count(*) FILTER (WHERE %s), count(*) FROM container_manifest m",
		images, lists, s->has_data ? NO_DATA : "true",
		s->has_type ? NO_TYPE " AND NOT " NO_DATA " AND " LISTS : "false", unlabelled);
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(db, sql, NULL, 0, &r, err))
		return false;
	*ret = (struct pending_counts){ .images = pg_int(r, 0, 0),
					.lists = pg_int(r, 0, 1),
					.without_data = pg_int(r, 0, 2),
					.list_type = pg_int(r, 0, 3),
					.labels = pg_int(r, 0, 4),
					.manifests = pg_int(r, 0, 5) };
	return true;
}

/* Of candidates, those that neither a verdict nor a choice of the operator leaves out. */
static bool count_of(struct pg *db, const char *where, const struct pending_options *o, int64_t *n,
		     struct err *err)
{
	AUTO_FREE char *sql =
		xasprintf("SELECT count(*) FROM container_manifest m WHERE %s", where);

	return *n == 0 || (!o->except && !o->repository_id && !o->without_lost) ||
	       ask(db, sql, n, err);
}

bool pending_count(struct pg *db, const struct pulp_schema *s, const struct pending_options *o,
		   struct pending_counts *ret, struct err *err)
{
	AUTO_FREE char *images = pending_where(s, PENDING_IMAGES, o);
	AUTO_FREE char *lists = pending_where(s, PENDING_LISTS, o);
	AUTO_FREE char *unlabelled = unlabelled_where(s, o);
	AUTO_FREE char *lost = pending_select(s, PENDING_LOST, o);
	AUTO_FREE char *lost_sql = xasprintf("SELECT count(*) FROM (%s) p", lost);
	struct pending_counts c;

	/* A row without data may be lost, one with data may have its link: most often only one of
	 * the two scans is needed. */
	if (!count_candidates(db, s, o, &c, err) || !count_of(db, images, o, &c.images, err) ||
	    !count_of(db, lists, o, &c.lists, err) ||
	    !count_of(db, unlabelled, o, &c.labels, err) ||
	    (c.without_data > 0 && !ask(db, lost_sql, &c.lost, err)) ||
	    (c.without_data < c.manifests && !o->without_links &&
	     !ask_links(db, s, o, "", &c.detach, err)))
		return err_wrap(err, "while counting what is pending");
	*ret = c;
	return true;
}

struct known {
	bool refill, except, links;
	struct pulp_schema schema;
	struct pending_counts counts;
};

/* Whoever only asks for data goes before whoever asks for links, too. */
static bool know_links(struct known *k, const struct probe *p, const struct pending_options *o,
		       struct err *err)
{
	if (k->links || o->without_links)
		return true;
	k->links = k->counts.without_data == k->counts.manifests ||
		   ask_links(p->db, &k->schema, o, "", &k->counts.detach, err);
	return k->links || err_wrap(err, "while counting what is pending");
}

bool pending_known(const struct probe *p, bool assume_schema, const struct pending_options *o,
		   struct pulp_schema *schema, struct pending_counts *ret, struct err *err)
{
	struct known *k = p->memo->value;

	if (!k || k->refill != o->refill || k->except != (o->except != NULL)) {
		k = xcalloc(1, sizeof(*k));
		k->refill = o->refill;
		k->except = o->except != NULL;
		k->links = !o->without_links;
		if (!pulp_schema_probe(p->db, false, assume_schema, &k->schema, err) ||
		    !pending_count(p->db, &k->schema, o, &k->counts, err)) {
			free(k);
			return false;
		}
		memo_forget(p->memo);
		*p->memo = (struct memo){ k, free };
	}
	if (!know_links(k, p, o, err))
		return false;
	*schema = k->schema;
	*ret = k->counts;
	return true;
}

void pending_recall(const struct probe *p, struct pending_counts *ret)
{
	const struct known *k = p->memo->value;

	if (k && k->links)
		*ret = k->counts;
}

bool pending_all_have_data(const struct probe *p)
{
	const struct known *k = p->memo->value;

	return k && k->counts.without_data == 0;
}

bool pending_links_known(const struct probe *p, bool assume_schema, const struct pending_options *o,
			 struct pulp_schema *schema, bool *any, int64_t *ret, struct err *err)
{
	const struct known *k = p->memo->value;
	int64_t one;

	if (k && k->links) {
		struct pending_counts c;
		if (!pending_known(p, assume_schema, o, schema, &c, err))
			return false;
		*ret = c.detach;
		*any = c.detach > 0;
		return true;
	}
	if (!pulp_schema_probe(p->db, false, assume_schema, schema, err) ||
	    !ask_links(p->db, schema, o, " LIMIT 1", &one, err))
		return err_wrap(err, "while looking for links");
	*any = one > 0;
	*ret = one > 0 ? -1 : 0;
	return true;
}
