/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list is in order of digests, as the store is: one directory of it is read at a time, and a
 * row is looked for while the server sends the next ones.
 */
#include "procedures/backup_artifacts.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/core/text.h"
#include "lib/drivers/space.h"
#include "lib/store/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char backup_artifacts_name[] = "artifacts.tsv";

enum { UUID_TEXT = 36 };
static const double space_timeout = 30;
static const int64_t spare_bytes = INT64_C(64) << 20; /* what file systems keep to themselves */
static const int64_t block = 4096;		      /* of a file so much is lost at its end */

static bool open_new(const char *path, FILE **ret, struct err *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0440);
	FILE *f = NULL;

	/* A list of an earlier snapshot of this run may be there, and is not to be written to. */
	if (fd < 0 && errno == EACCES && unlink(path) == 0)
		return open_new(path, ret, err);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (!f)
		return err_errno(err, "cannot write %s", path);
	fd = -1;
	(void)setvbuf(f, NULL, _IOFBF, LISTING_BUFFER);
	*ret = f;
	return true;
}

static bool each_row(const struct backup_job *j,
		     bool (*fn)(void *arg, const struct listing_row *row, struct err *err),
		     void *arg, struct err *err)
{
	AUTO_FREE char *path = backup_job_path(j, backup_artifacts_name);
	const struct listing_row *row;
	struct listing *l = NULL;
	bool ok = listing_open(path, &l, err);

	while (ok && (ok = listing_next(l, &row, err)) && row)
		ok = fn(arg, row, err);
	listing_close(l);
	return ok;
}

struct summing {
	struct artifacts_sum *sum;
	struct object_shelf *shelf;
	size_t room; /* bytes of the bits */
};

static bool add_row(void *arg, const struct listing_row *row, struct err *err)
{
	struct summing *s = arg;
	struct artifacts_sum *sum = s->sum;
	size_t at = (size_t)sum->count / 8;
	bool has;

	if (!object_shelf_has(s->shelf, row->sha256, &has, err))
		return false;
	if (at == s->room) {
		s->room = s->room ? 2 * s->room : 4096;
		sum->lacks = xrealloc(sum->lacks, s->room);
		memset(sum->lacks + at, 0, s->room - at);
	}
	if (!has)
		sum->lacks[at] |= (unsigned char)(1U << (sum->count % 8));
	sum->count++;
	sum->bytes += row->size;
	sum->lack += !has;
	sum->lack_bytes += has ? 0 : row->size;
	return true;
}

bool backup_artifacts_sum(const struct backup_job *j, struct artifacts_sum *ret, struct err *err)
{
	struct summing s = { .sum = ret, .shelf = object_shelf_new(j->repository) };

	artifacts_sum_release(ret);
	bool ok = each_row(j, add_row, &s, err);
	object_shelf_free(s.shelf);
	return ok;
}

struct taking {
	FILE *file;
	struct strbuf line; /* of the list, taken apart */
	struct summing sums;
};

static bool take_line(void *arg, const char *line, size_t len, struct err *err)
{
	struct taking *t = arg;
	struct listing_row row;

	if (fwrite(line, 1, len, t->file) != len)
		return err_errno(err, "cannot write the list");
	strbuf_clear(&t->line);
	strbuf_add(&t->line, line, len);
	if (!listing_parse(t->line.data, len, &row))
		return err_set(err, ERR_DATA, "row %lld of core_artifact is none of an artifact",
			       (long long)t->sums.sum->count + 1);
	return add_row(&t->sums, &row, err);
}

/* The day is for transactions that were not over by then, and for clocks that differ. */
static void add_since(struct strbuf *b, const char *since)
{
	strbuf_addf(b, " WHERE pulp_created >= '%s'::timestamptz - '1 day'::interval", since);
}

bool backup_artifacts_since(struct pg *db, const char *since, int64_t *ret_count,
			    int64_t *ret_bytes, struct err *err)
{
	AUTO_STRBUF struct strbuf b = { 0 };
	AUTO_ROWS struct pg_rows *r = NULL;

	strbuf_adds(&b, "SELECT count(*), coalesce(sum(size), 0) FROM core_artifact");
	add_since(&b, since);
	if (!pg_query(db, b.data, NULL, 0, &r, err))
		return false;
	*ret_count = pg_int(r, 0, 0);
	*ret_bytes = pg_int(r, 0, 1);
	return true;
}

/* By the columns as they are listed: by others they would be sorted with twice the bytes. */
static char *list_sql(const char *since)
{
	AUTO_STRBUF struct strbuf b = { 0 };

	strbuf_adds(&b, "COPY (SELECT sha256 COLLATE \"C\", size, file COLLATE \"C\""
			" FROM core_artifact");
	if (since)
		add_since(&b, since);
	strbuf_adds(&b, " ORDER BY 1, 3) TO STDOUT");
	return strbuf_take(&b);
}

bool backup_artifacts_list(const struct backup_job *j, struct pg *db, const char *since,
			   struct artifacts_sum *ret, struct err *err)
{
	AUTO_FREE char *path = backup_job_path(j, backup_artifacts_name);
	AUTO_FREE char *sql = list_sql(since);
	struct taking t = { .sums = { .sum = ret } };

	artifacts_sum_release(ret);
	if (!open_new(path, &t.file, err))
		return false;
	t.sums.shelf = object_shelf_new(j->repository);
	bool ok = pg_copy_out(db, sql, take_line, &t, err);
	if (fclose(t.file) != 0 && ok)
		ok = err_errno(err, "cannot write %s", path);
	object_shelf_free(t.sums.shelf);
	strbuf_release(&t.line);
	return ok;
}

void artifacts_sum_release(struct artifacts_sum *s)
{
	free(s->lacks);
	*s = (struct artifacts_sum){ 0 };
}

int64_t artifacts_need(int64_t count, int64_t bytes)
{
	return bytes + count * block;
}

/* -- domains: the path of another one's artifact says which, by its id */

struct copying {
	struct copy_crew *crew;
	const struct artifacts_sum *sum;
	int64_t at;		       /* row of the list */
	const struct pg_rows *domains; /* id, name */
	double leave;
	int64_t left;
};

static const char *domain_of(const struct copying *c, const char *path)
{
	static const char prefix[] = "artifact/";
	const char *id = path + sizeof(prefix) - 1;

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0 || strlen(id) < UUID_TEXT ||
	    id[UUID_TEXT] != '/')
		return NULL;
	for (size_t i = 0; i < pg_rows_count(c->domains); i++)
		if (strncmp(pg_text(c->domains, i, 0), id, UUID_TEXT) == 0)
			return pg_text(c->domains, i, 1);
	return NULL;
}

static bool hand_out(void *arg, const struct listing_row *row, struct err *err)
{
	struct copying *c = arg;
	int64_t at = c->at++;

	if (!(c->sum->lacks[at / 8] & 1U << (at % 8)))
		return true;
	if (c->left || (c->leave > 0 && copy_soon_over(c->crew, c->leave))) {
		c->left++;
		return true;
	}
	return copy_add(c->crew, domain_of(c, row->path), row->path, row->sha256, row->size, err);
}

static bool copy_with(struct actor *a, struct backup_job *j, const struct storage *s,
		      const struct backup_params *p, const struct artifacts_sum *sum,
		      const struct artifacts_pass *pass, struct copy_tally *tally, struct err *err)
{
	AUTO_ROWS struct pg_rows *domains = NULL;
	struct copying c = { .sum = sum, .leave = pass->leave };
	/* What came since the snapshot before is little, and goes as fast. */
	bool hurried = j->manifest.snapshots > 1;
	struct stints *stints;

	if (!pg_query(a->look->db, "SELECT pulp_id, name FROM core_domain WHERE name <> 'default'",
		      NULL, 0, &domains, err) ||
	    !backup_job_stints(a, j, hurried, &stints, err))
		return false;
	c.domains = domains;
	if (!copy_begin(&(struct copy_request){ .actor = a,
						.repository = j->repository,
						.storage = s,
						.reflink = p->reflink,
						.stints = stints,
						.label = pass->label,
						.phase = "artifacts",
						.files = sum->lack,
						.bytes = sum->lack_bytes },
			&c.crew, err))
		return false;
	if (!each_row(j, hand_out, &c, err)) {
		copy_abandon(c.crew);
		return false;
	}
	tally->left += c.left;
	return copy_end(c.crew, tally, err);
}

bool backup_artifacts_copy(struct actor *a, struct backup_job *j, const struct backup_params *p,
			   const struct artifacts_sum *sum, const struct artifacts_pass *pass,
			   struct copy_tally *tally, struct err *err)
{
	struct storage *s = NULL;

	if (sum->lack == 0)
		return true;
	if (!backup_room(j, artifacts_need(sum->lack, sum->lack_bytes), err) ||
	    !storage_open(a->look->config, &a->look->place, &s, err))
		return false;
	bool ok = copy_with(a, j, s, p, sum, pass, tally, err);
	storage_close(s);
	return ok;
}

bool backup_room(const struct backup_job *j, int64_t bytes, struct err *err)
{
	const char *dir = repository_dir(j->repository);
	char room[32], needed[32];
	struct space space;

	if (!space_ask(dir, space_timeout, &space, err))
		return false;
	if (space.bytes_free >= bytes + spare_bytes)
		return true;
	text_bytes((double)space.bytes_free, room, sizeof(room));
	text_bytes((double)(bytes + spare_bytes), needed, sizeof(needed));
	(void)err_set(err, ERR_IO, "%s has room for %s, and %s are to be written", dir, room,
		      needed);
	return err_hint(err,
			"Make room, for example with `plmaint backup prune %s`, and run the "
			"same command again.",
			dir);
}
