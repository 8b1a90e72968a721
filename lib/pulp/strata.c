/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The counts, within a time; what each count means is in strata.h. */
#include "lib/pulp/strata.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const int64_t strata_band_most[STRATA_BANDS] = { 2048, 8192, 65536, INT64_MAX };
const char *const strata_band_names[STRATA_BANDS] = { "to 2 kB", "to 8 kB", "to 64 kB", "larger" };
const char *const stratum_kind_names[] = { "schema 1", "image", "list" };

enum { KEYS = 600 }; /* about so many are drawn */
/* Shares of them that are looked at when all take too long: more where there is nothing on a few.
 */
static const double pages[] = { 0.02, 0.2 };
static const double pages_time = 10; /* seconds for these */
/* Whole tables are joined; a few pages are looked up. */
static const char whole[] = "SET LOCAL enable_nestloop TO off";

#define V1                                                         \
	"('application/vnd.docker.distribution.manifest.v1+json'," \
	" 'application/vnd.docker.distribution.manifest.v1+prettyjws')"

/* One row a pending manifest: state, kind, size of its artifact, bytes to read, storage. */
static char *rows_sql(const struct pulp_schema *s, const struct pending_options *o,
		      const char *sample)
{
	static const enum pending_kind kinds[] = { PENDING_LOST, PENDING_IMAGES, PENDING_LISTS,
						   PENDING_DETACH };
	char *where[ARRAY_LEN(kinds)];

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		where[i] = pending_where(s, kinds[i], o);
	/* A row may have several links. */
	char *sql = xasprintf(
		"SELECT m.content_ptr_id AS key, CASE WHEN (%s) THEN 0 WHEN (%s) OR (%s) THEN 1 ELSE 2 END AS state,"
		" CASE WHEN m.media_type IN " V1
		" THEN 0 WHEN m.media_type LIKE '%%.list.v2+json' OR m.media_type LIKE '%%.index.v1+json' THEN 2 ELSE 1 END AS kind,"
		" coalesce(max(a.size), %s, 0) AS size, coalesce(max(a.size), %s, 0) + coalesce(max(ca.size), 0) AS bytes,"
		" %s AS storage"
		" FROM container_manifest m%s LEFT JOIN core_contentartifact c ON c.content_id = m.content_ptr_id"
		" LEFT JOIN core_artifact a ON a.pulp_id = c.artifact_id"
		" LEFT JOIN core_contentartifact cc ON cc.content_id = m.config_blob_id"
		" LEFT JOIN core_artifact ca ON ca.pulp_id = cc.artifact_id%s"
		" WHERE (%s) OR (%s) OR (%s) OR (%s) GROUP BY m.content_ptr_id",
		where[0], where[1], where[2], s->has_data ? "octet_length(m.data)" : "0",
		s->has_data ? "octet_length(m.data)" : "0",
		s->has_domain ? "max(CASE WHEN d.name <> 'default' THEN d.storage_class END)"
			      : "NULL::text",
		sample,
		s->has_domain ? " LEFT JOIN core_domain d ON d.pulp_id = m._pulp_domain_id" : "",
		where[0], where[1], where[2], where[3]);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		free(where[i]);
	return sql;
}

static void take_keys(struct strata_keys *to, const char *array)
{
	char text[37] = "";

	for (const char *p = array; *p; p++) {
		if (*p == '{' || *p == ',' || *p == '}')
			continue;
		snprintf(text, sizeof(text), "%.36s", p);
		to->key = xrealloc(to->key, (to->n + 1) * sizeof(*to->key));
		if (strlen(text) < 36 || !uuid_parse(text, to->key[to->n]))
			return;
		to->n++;
		p += 35;
	}
}

static int by_bytes(const void *x, const void *y)
{
	return memcmp(x, y, 16);
}

static int64_t scaled(int64_t n, double share)
{
	return (int64_t)llround((double)n / share);
}

static void take_strata(const struct pg_rows *r, const char *storage, struct strata *ret)
{
	ret->n = pg_rows_count(r);
	ret->item = xcalloc(ret->n + 1, sizeof(*ret->item));
	for (size_t i = 0; i < ret->n; i++) {
		struct stratum *s = &ret->item[i];
		s->state = (enum stratum_state)pg_int(r, i, 0);
		s->kind = (enum stratum_kind)pg_int(r, i, 1);
		s->band = (int)pg_int(r, i, 2);
		snprintf(s->storage, sizeof(s->storage), "%s",
			 pg_is_null(r, i, 3) ? storage : pg_text(r, i, 3));
		s->rows = scaled(pg_int(r, i, 4), ret->share);
		s->bytes = scaled(pg_int(r, i, 5), ret->share);
		s->stored = scaled(pg_int(r, i, 7), ret->share);
		take_keys(&ret->keys[s->state][s->kind == STRATUM_LIST], pg_text(r, i, 6));
	}
	for (int i = 0; i < 6; i++) {
		struct strata_keys *k = &ret->keys[i / 2][i % 2];
		if (k->n > 0)
			qsort(k->key, k->n, sizeof(*k->key), by_bytes);
	}
}

static void take_repositories(const struct pg_rows *r, struct strata *ret)
{
	ret->n_repositories = pg_rows_count(r);
	ret->repository = xcalloc(ret->n_repositories + 1, sizeof(*ret->repository));
	for (size_t i = 0; i < ret->n_repositories; i++)
		ret->repository[i] =
			(struct repository_rows){ xstrdup(pg_text(r, i, 0)),
						  scaled(pg_int(r, i, 1), ret->share) };
	if (ret->n_repositories > 0)
		ret->more_repositories = pg_int(r, 0, 2) - (int64_t)ret->n_repositories;
}

/* Of the statement that follows; until: on the monotonic clock. */
static bool end_by(struct pg *db, double until, struct err *err)
{
	AUTO_FREE char *sql = xasprintf("SET LOCAL statement_timeout TO %d",
					(int)fmax(1, (until - clock_monotonic()) * 1000));

	return pg_exec(db, sql, err);
}

static bool count(struct pg *db, const char *rows, const char *storage, double draw, double until,
		  struct strata *ret, struct err *err)
{
	AUTO_FREE char *strata = xasprintf(
		"SELECT state, kind, width_bucket(size - 1, ARRAY[2048, 8192, 65536]::bigint[]) AS band, storage, count(*),"
		" sum(bytes)::bigint, coalesce(array_agg(key) FILTER (WHERE random() < %.9f)::text, ''), sum(size)::bigint FROM (%s) p"
		" GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
		draw, rows);
	AUTO_FREE char *repositories = xasprintf(
		"SELECT r.name, count(*), count(*) OVER () FROM (%s) p JOIN core_repositorycontent rc ON rc.content_id = p.key"
		" AND rc.version_removed_id IS NULL JOIN core_repository r ON r.pulp_id = rc.repository_id"
		" GROUP BY r.pulp_id ORDER BY 2 DESC, 1 LIMIT 10",
		rows);
	AUTO_ROWS struct pg_rows *counted = NULL, *by_repository = NULL;

	if (!end_by(db, until, err) || !pg_query(db, strata, NULL, 0, &counted, err) ||
	    !end_by(db, until, err) || !pg_query(db, repositories, NULL, 0, &by_repository, err))
		return false;
	take_strata(counted, storage, ret);
	take_repositories(by_repository, ret);
	return true;
}

/* In a transaction of its own, for its settings.  *late: it took too long. */
static bool count_within(struct pg *db, const char *rows, const char *storage, double draw,
			 double seconds, bool *late, struct strata *ret, struct err *err)
{
	double until = clock_monotonic() + seconds;
	struct err ignored;

	if (!pg_exec(db, "BEGIN", err))
		return false;
	bool ok = (ret->share < 1 || pg_exec(db, whole, err)) &&
		  count(db, rows, storage, draw, until, ret, err);
	*late = !ok && strcmp(err->native, "57014") == 0;
	(void)!pg_exec(db, "ROLLBACK", &ignored);
	return ok;
}

bool strata_count(struct pg *db, const struct pulp_schema *s, const struct pending_options *o,
		  const char *storage, int64_t about, double seconds, struct strata *ret,
		  struct err *err)
{
	AUTO_FREE char *all = rows_sql(s, o, "");
	double draw = fmin(1, KEYS / fmax(1, (double)about));
	bool late;

	*ret = (struct strata){ .share = 1 };
	bool ok = count_within(db, all, storage, draw, seconds, &late, ret, err);
	bool fewer = !ok && late;
	for (size_t i = 0; fewer && i < ARRAY_LEN(pages); i++) {
		AUTO_FREE char *sample = xasprintf(" TABLESAMPLE SYSTEM (%g)", 100 * pages[i]);
		AUTO_FREE char *some = rows_sql(s, o, sample);
		strata_release(ret);
		*ret = (struct strata){ .share = pages[i] };
		ok = count_within(db, some, storage, fmin(1, draw / pages[i]), pages_time, &late,
				  ret, err);
		fewer = ok && ret->n == 0;
	}
	if (ok)
		return true;
	strata_release(ret);
	return err_wrap(err, "while counting what is pending");
}

void strata_release(struct strata *s)
{
	for (int i = 0; i < 6; i++)
		free(s->keys[i / 2][i % 2].key);
	for (size_t i = 0; i < s->n_repositories; i++)
		free(s->repository[i].name);
	free(s->repository);
	free(s->item);
	*s = (struct strata){ 0 };
}

char *strata_band_where(int from, int to)
{
	return xasprintf(
		"EXISTS (SELECT FROM core_contentartifact sc JOIN core_artifact sa ON sa.pulp_id = sc.artifact_id"
		" WHERE sc.content_id = m.content_ptr_id AND sa.size > %" PRId64
		" AND sa.size <= %" PRId64 ")",
		from > 0 ? strata_band_most[from - 1] : -1, strata_band_most[to]);
}
