/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The data files are written beside the dump's directory, which pg_dump wants to have for itself,
 * and are moved into it when it is done.
 */
#include "procedures/backup_chunks.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/thread.h"
#include "lib/drivers/fs.h"
#include "lib/drivers/pg_toc.h"
#include "procedures/backup_chunks_crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_PAGES = 1024 }; /* of a table that is worth it: 8 MiB, two chunks */

char *chunks_part(const struct chunk_crew *c, size_t i)
{
	return xasprintf("%s/%zu.dat.gz", c->parts, i);
}

const char *const *chunks_exclusions(const struct chunk_crew *c)
{
	return (const char *const *)c->exclusions;
}

int64_t chunks_bytes(struct chunk_crew *c)
{
	pthread_mutex_lock(&c->mutex);
	int64_t bytes = c->tally.bytes;
	pthread_mutex_unlock(&c->mutex);
	return bytes;
}

void chunks_count(const struct chunk_crew *c, struct dump_tally *ret)
{
	ret->chunks += c->tally.chunks;
	ret->taken += c->tally.taken;
	ret->bytes += c->tally.bytes;
	ret->taken_bytes += c->tally.taken_bytes;
}

/* -- beginning */

/* Somebody may have the lock for long. */
static bool is_to_stop(void *arg)
{
	(void)arg;
	return stop_requested();
}

/* What is to be done, by what the catalogue says and what the backup before has. */
static void plan(struct chunk_crew *c)
{
	c->exclusions = xcalloc(c->n + 1, sizeof(*c->exclusions));
	c->tables = xcalloc(c->n, sizeof(*c->tables));
	c->record = (struct chunk_record){ .major = c->rq.database->server_version / 10000,
					   .encoding = xstrdup(c->rq.database->encoding),
					   .tables = xcalloc(c->n, sizeof(*c->record.tables)),
					   .n = c->n };
	for (size_t i = 0; i < c->n; i++) {
		const struct paged_table *of = &c->paged[i];
		struct chunk_table *t = &c->record.tables[i];

		*t = (struct chunk_table){ .schema = xstrdup(of->schema),
					   .name = xstrdup(of->name),
					   .columns = xstrdup(of->signature),
					   .pages = chunk_pages(of->pages) };
		t->n = (size_t)((of->pages + t->pages - 1) / t->pages);
		t->all = xcalloc(t->n, sizeof(*t->all));
		c->exclusions[i] = pg_paged_exclusion(of);
		c->tables[i] = (struct chunk_table_work){ .of = of,
							  .record = t,
							  .before = chunk_record_find(
								  &c->before.record, t),
							  .before_fd = -1,
							  .left = t->n };
	}
}

static bool not_begun(const struct chunk_crew *c, struct err *err)
{
	if (stop_requested())
		return err_set(err, ERR_STOPPED, "stopped before the dump");
	return err_wrap(err, "the database of %s", c->rq.source->feature);
}

/* To ask for the size of a table is to wait for its lock. */
static bool find_tables(struct chunk_crew *c, struct err *err)
{
	struct pg *db = c->rq.source->db;

	pg_heed(db, is_to_stop, NULL);
	bool ok = pg_paged_tables(db, LEAST_PAGES, &c->paged, &c->n, err);
	pg_heed(db, NULL, NULL);
	return ok || not_begun(c, err);
}

static bool connect_session(const struct chunk_crew *c, bool at_once, struct pg **ret,
			    struct err *err)
{
	AUTO_FREE char *name = xasprintf("plmaint:backup:%s", c->rq.source->feature);
	const struct pg_options o = { .conninfo = c->rq.source->conninfo,
				      .application_name = name,
				      .read_only = true };

	if (!pg_connect(&o, ret, err))
		return false;
	pg_heed(*ret, is_to_stop, NULL);
	if (pg_paged_begin(*ret, c->rq.source->snapshot, c->rq.database->encoding, c->paged, c->n,
			   at_once, err))
		return true;
	pg_close(TAKE(*ret));
	return not_begun(c, err);
}

/*
 * The first session waits for its locks as pg_dump does.  One that had to wait behind somebody who
 * waits for the first would hold up all three: it is done without.
 */
static bool hire(struct chunk_crew *c, struct err *err)
{
	for (long i = 0; i < c->rq.sessions && i < CHUNK_SESSIONS; i++) {
		struct chunk_worker *w = &c->workers[c->n_workers];

		*w = (struct chunk_worker){ .crew = c };
		if (connect_session(c, i > 0, &w->db, err))
			c->n_workers++;
		else if (i == 0)
			return false;
	}
	return true;
}

static bool employ(struct chunk_crew *c, struct err *err)
{
	const struct thread_count count = { .mutex = &c->mutex, .at_work = &c->at_work };

	for (; c->n_threads < c->n_workers; c->n_threads++) {
		struct chunk_worker *w = &c->workers[c->n_threads];

		if (!thread_start(&count, &w->thread, chunks_work, w, err))
			return false;
	}
	return true;
}

bool chunks_begin(const struct chunks_request *rq, struct chunk_crew **ret, struct err *err)
{
	*ret = NULL;
	if (rq->level == 0 || !pg_paged_known(pg_server_version(rq->source->db)))
		return true;
	struct chunk_crew *c = xcalloc(1, sizeof(*c));
	c->rq = *rq;
	AUTO_FREE char *parts = xasprintf("%s.parts", rq->database->directory);
	c->parts = backup_job_path(rq->job, parts);
	pthread_mutex_init(&c->mutex, NULL);
	clock_cond_init(&c->changed);
	bool ok = find_tables(c, err);
	if (!ok || c->n == 0) {
		chunks_end(c);
		return ok;
	}
	chunks_before_find(&c->rq, &c->before);
	plan(c);
	if (!fs_mkdirs(c->parts, 0700, err) || !hire(c, err) || !employ(c, err)) {
		chunks_end(c);
		return false;
	}
	*ret = c;
	return true;
}

/* -- ending */

bool chunks_wait(struct chunk_crew *c, void (*fn)(void *arg), void *arg, struct err *err)
{
	pthread_mutex_lock(&c->mutex);
	while (c->at_work > 0) {
		struct timespec until = clock_after(0.1);

		(void)pthread_cond_timedwait(&c->changed, &c->mutex, &until);
		pthread_mutex_unlock(&c->mutex);
		if (stop_requested()) {
			struct err why;

			(void)err_set(&why, ERR_STOPPED, "stopped during the dump of %s",
				      c->rq.database->name);
			chunks_fail(c, &why);
		}
		fn(arg);
		pthread_mutex_lock(&c->mutex);
	}
	pthread_mutex_unlock(&c->mutex);
	*err = c->err;
	return !c->failed || err_wrap(err, "the database of %s", c->rq.source->feature);
}

static void tell_damaged(const struct chunk_crew *c)
{
	if (c->damaged == 0)
		return;
	AUTO_FREE char *message = xasprintf("%s: %lld chunk(s) are damaged and were dumped anew",
					    c->damaged_file, (long long)c->damaged);
	AUTO_FREE char *hint = xasprintf("`plmaint backup verify %s %s` reads all of that backup.",
					 repository_dir(c->rq.job->repository), c->before.id);

	EMIT(c->rq.actor->reporter, "notice", F_TEXT("level", "warning"),
	     F_TEXT("message", message), F_TEXT("hint", hint));
}

static bool move(struct chunk_crew *c, struct pg_toc *toc, const char *dir, size_t i,
		 struct err *err)
{
	const struct paged_table *t = c->tables[i].of;
	AUTO_FREE char *copy = pg_paged_restore_sql(t);
	AUTO_FREE char *part = chunks_part(c, i);
	AUTO_FREE char *name = NULL;

	if (!pg_toc_add_table_data(toc, t->schema, t->name, copy, &name, err))
		return false;
	c->record.tables[i].file = xasprintf("%s.gz", name);
	AUTO_FREE char *path = xasprintf("%s/%s", dir, c->record.tables[i].file);
	return rename(part, path) == 0 || err_errno(err, "cannot write %s", path);
}

static bool join(struct chunk_crew *c, const char *dir, struct err *err)
{
	AUTO_PG_TOC struct pg_toc *toc = NULL;
	AUTO_FREE char *name = xasprintf("%s.chunks.tsv", c->rq.database->directory);
	AUTO_FREE char *path = backup_job_path(c->rq.job, name);

	if (!pg_toc_read(dir, &toc, err))
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (!move(c, toc, dir, i, err))
			return false;
	return pg_toc_write(toc, dir, err) &&
	       (rmdir(c->parts) == 0 || err_errno(err, "cannot remove %s", c->parts)) &&
	       chunk_record_write(path, &c->record, err);
}

/* Whether an archive is at fault, and not a disk. */
static bool refuses(enum err_code code)
{
	return code == ERR_UNSUPPORTED || code == ERR_DATA || code == ERR_NOT_FOUND;
}

bool chunks_join(struct chunk_crew *c, bool *refused, struct err *err)
{
	AUTO_FREE char *dir = backup_job_path(c->rq.job, c->rq.database->directory);
	struct err why;

	*refused = false;
	tell_damaged(c);
	if (join(c, dir, &why))
		return true;
	*err = why;
	*refused = refuses(why.code);
	if (!*refused)
		return false;
	AUTO_FREE char *message =
		xasprintf("%s is dumped by pg_dump alone: %s", c->rq.database->name, why.text);
	EMIT(c->rq.actor->reporter, "notice", F_TEXT("level", "warning"),
	     F_TEXT("message", message));
	return fs_remove_tree(c->parts, err) && fs_remove_tree(dir, err);
}

static void release(struct chunk_crew *c)
{
	for (size_t i = 0; c->tables && i < c->n; i++) {
		if (c->tables[i].file)
			chunk_file_abandon(c->tables[i].file);
		if (c->tables[i].before_fd >= 0)
			close(c->tables[i].before_fd);
	}
	chunk_record_release(&c->record);
	chunks_before_release(&c->before);
	for (size_t i = 0; c->exclusions && i < c->n; i++)
		free(c->exclusions[i]);
	free(c->exclusions);
	free(c->tables);
	pg_paged_release(c->paged, c->n);
	free(c->damaged_file);
	free(c->parts);
	free(c);
}

static void dismiss(struct chunk_crew *c)
{
	c->failed = true;
	for (size_t i = 0; i < c->n_threads; i++)
		(void)pthread_join(c->workers[i].thread, NULL);
	for (size_t i = c->n_threads; i < c->n_workers; i++)
		pg_close(c->workers[i].db);
	c->n_threads = c->n_workers = 0;
}

bool chunks_undo(struct chunk_crew *c, struct err *err)
{
	dismiss(c);
	return fs_remove_tree(c->parts, err);
}

void chunks_end(struct chunk_crew *c)
{
	if (!c)
		return;
	dismiss(c);
	pthread_mutex_destroy(&c->mutex);
	pthread_cond_destroy(&c->changed);
	release(c);
}
