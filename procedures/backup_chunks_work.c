/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A thread's part: it takes the next chunk of the largest table that has one left. */
#include "lib/core/mem.h"
#include "lib/drivers/gzip.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/priority.h"
#include "procedures/backup_chunks_crew.h"

#include <stdlib.h>
#include <unistd.h>

/* How pg_dump ends the data of a table. */
static const char end_of_data[] = "\\.\n\n\n";

struct piece {
	struct chunk_table_work *table;
	size_t chunk;
};

void chunks_fail(struct chunk_crew *c, const struct err *err)
{
	pthread_mutex_lock(&c->mutex);
	if (!c->failed)
		c->err = *err;
	c->failed = true;
	pthread_mutex_unlock(&c->mutex);
}

static bool is_over(void *arg)
{
	struct chunk_crew *c = arg;

	return c->failed;
}

/* Called with the mutex. */
static bool begin_table(struct chunk_crew *c, struct chunk_table_work *t, struct err *err)
{
	AUTO_FREE char *path = chunks_part(c, (size_t)(t - c->tables));

	if (t->before)
		t->before_fd = chunks_before_open(&c->before, t->before);
	return chunk_file_create(path, &t->file, err);
}

/* False at the end, or where it has failed. */
static bool take(struct chunk_crew *c, struct piece *ret)
{
	struct err err;
	bool ok = true;

	pthread_mutex_lock(&c->mutex);
	while (c->at < c->n && c->tables[c->at].next == c->tables[c->at].record->n)
		c->at++;
	bool any = c->at < c->n && !c->failed;
	if (any) {
		struct chunk_table_work *t = &c->tables[c->at];

		ok = t->next > 0 || begin_table(c, t, &err);
		*ret = (struct piece){ .table = t, .chunk = t->next++ };
	}
	pthread_mutex_unlock(&c->mutex);
	if (!ok)
		chunks_fail(c, &err);
	return any && ok;
}

/* -- one chunk */

static bool put(void *arg, const void *data, size_t len, struct err *err)
{
	struct chunk_worker *w = arg;

	return chunk_member_add(w->member, data, len, err);
}

static bool add_line(void *arg, const char *line, size_t len, struct err *err)
{
	struct chunk_worker *w = arg;

	if (w->crew->failed)
		return err_set(err, ERR_STOPPED, "another chunk has failed");
	return gzip_add(w->gzip, line, len, err);
}

static bool dump(struct chunk_worker *w, const struct chunk_table_work *t, const char *sql,
		 struct chunk *ret, struct err *err)
{
	chunk_member_begin(w->member, t->file);
	gzip_begin(w->gzip);
	if (pg_copy_out(w->db, sql, add_line, w, err) && gzip_end(w->gzip, err))
		return chunk_member_end(w->member, ret, err);
	chunk_member_cancel(w->member);
	return false;
}

static bool look(struct chunk_worker *w, const char *sql, struct chunk *ret, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;

	if (!pg_query(w->db, sql, NULL, 0, &r, err))
		return false;
	ret->rows = pg_int(r, 0, 0);
	ret->hash = pg_int(r, 0, 1);
	return true;
}

static void count_damaged(struct chunk_crew *c, const struct chunk_table_work *t)
{
	pthread_mutex_lock(&c->mutex);
	if (c->damaged++ == 0)
		c->damaged_file = xasprintf("%s/%s", c->before.dir, t->before->file);
	pthread_mutex_unlock(&c->mutex);
}

/* *taken: the backup before has these rows, and has them whole. */
static bool take_over(struct chunk_worker *w, const struct chunk_table_work *t, size_t i,
		      struct chunk *ret, bool *taken, struct err *err)
{
	const struct chunk *old = t->before && i < t->before->n ? &t->before->all[i] : NULL;

	*taken = false;
	if (!old || old->rows != ret->rows || old->hash != ret->hash || old->length == 0)
		return true;
	if (t->before_fd >= 0 &&
	    !chunk_member_take(w->member, t->file, t->before_fd, old, ret, taken, err))
		return false;
	if (!*taken)
		count_damaged(w->crew, t);
	return true;
}

static bool do_chunk(struct chunk_worker *w, const struct piece *p, bool *taken, struct err *err)
{
	const struct chunk_table_work *t = p->table;
	struct chunk *c = &t->record->all[p->chunk];
	int64_t first = (int64_t)p->chunk * t->record->pages;
	/* The last one has what came behind it, too. */
	int64_t end = p->chunk + 1 < t->record->n ? first + t->record->pages : 0;
	AUTO_FREE char *hash = pg_paged_hash_sql(t->of, first, end);
	AUTO_FREE char *copy = pg_paged_copy_sql(t->of, first, end);

	*taken = false;
	sha256_hex("", 0, c->sha256);
	if (!look(w, hash, c, err))
		return false;
	if (c->rows == 0)
		return true;
	return take_over(w, t, p->chunk, c, taken, err) && (*taken || dump(w, t, copy, c, err));
}

/* By who has done its last chunk. */
static bool end_table(struct chunk_worker *w, struct chunk_table_work *t, struct err *err)
{
	struct chunk ignored;

	chunk_member_begin(w->member, t->file);
	gzip_begin(w->gzip);
	if (t->before_fd >= 0)
		close(t->before_fd);
	t->before_fd = -1;
	if (!gzip_add(w->gzip, end_of_data, sizeof(end_of_data) - 1, err) ||
	    !gzip_end(w->gzip, err)) {
		chunk_member_cancel(w->member);
		return false;
	}
	return chunk_member_end(w->member, &ignored, err) && chunk_file_close(TAKE(t->file), err);
}

static bool account(struct chunk_worker *w, const struct piece *p, bool taken, struct err *err)
{
	struct chunk_crew *c = w->crew;
	const struct chunk *done = &p->table->record->all[p->chunk];

	pthread_mutex_lock(&c->mutex);
	c->tally.chunks += done->rows > 0;
	c->tally.bytes += done->length;
	c->tally.taken += taken;
	c->tally.taken_bytes += taken ? done->length : 0;
	bool last = --p->table->left == 0;
	pthread_mutex_unlock(&c->mutex);
	return !last || end_table(w, p->table, err);
}

void *chunks_work(void *worker)
{
	struct chunk_worker *w = worker;
	struct chunk_crew *c = w->crew;
	struct piece p;
	struct err err;

	if (c->rq.nice)
		priority_lower((int)c->rq.nice);
	pg_heed(w->db, is_over, c);
	w->member = chunk_member_new();
	w->gzip = gzip_new((int)c->rq.level, put, w);
	while (take(c, &p)) {
		bool taken;

		if (!do_chunk(w, &p, &taken, &err) || !account(w, &p, taken, &err))
			chunks_fail(c, &err);
	}
	gzip_free(w->gzip);
	chunk_member_free(w->member);
	pg_close(TAKE(w->db));
	pthread_mutex_lock(&c->mutex);
	c->at_work--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}
