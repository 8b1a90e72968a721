/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several threads, first for the files of the manifest, since the lists are among them, and then
 * for the objects: each of them reads the lists and takes every n-th line.
 */
#include "lib/store/proof.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/priority.h"
#include "lib/pace/stint.h"
#include "lib/store/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_THREADS = 32 };
static const double told_every = 0.5; /* seconds */

struct proving {
	const struct proof *p;
	pthread_mutex_t mutex; /* of damage and err */
	atomic_llong done, bytes;
	int64_t damaged;
	atomic_int running;
	atomic_bool ending;
	bool failed;
	struct err err;
	unsigned seed; /* which share it is this time */
};

struct part {
	struct proving *proving;
	bool (*prove)(struct part *part, struct err *err);
	long number;
	struct stint stint;
	pthread_t thread;
};

static void tell_damage(struct proving *g, const char *path, enum object_verdict v)
{
	if (stop_requested())
		return; /* it was not read to its end */
	pthread_mutex_lock(&g->mutex);
	g->damaged++;
	g->p->damage(g->p->arg, path, v);
	pthread_mutex_unlock(&g->mutex);
}

/* One file of the manifest, within the stint, which has begun, or NULL.  After a stop the answer
 * means nothing. */
static enum object_verdict proof_file(const struct repository *r, const char *id,
				      const struct manifest_file *f, struct stint *stint)
{
	AUTO_FREE char *path = repository_backup_path(r, id, f->path);
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char found[65];

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? OBJECT_MISSING
		       : errno == ELOOP || errno == ENXIO  ? OBJECT_FOREIGN
							   : OBJECT_UNREADABLE;
	if (fstat(fd, &st) != 0)
		return OBJECT_UNREADABLE;
	if (!S_ISREG(st.st_mode))
		return OBJECT_FOREIGN;
	if (st.st_size != f->size)
		return OBJECT_DIFFERS;
	if (!object_digest(fd, st.st_size, stint, found))
		return OBJECT_UNREADABLE;
	return strcmp(found, f->sha256) == 0 ? OBJECT_GOOD : OBJECT_DIFFERS;
}

bool proof_lists(const struct repository *r, const struct backup_manifest *m, struct err *err)
{
	for (size_t i = 0; i < m->n_files; i++) {
		const char *path = m->files[i].path;

		if (strcmp(path, "artifacts.tsv") != 0 && strcmp(path, "media.tsv") != 0)
			continue;
		enum object_verdict v = proof_file(r, m->id, &m->files[i], NULL);
		if (stop_requested())
			return err_set(err, ERR_STOPPED, "stopped while lists were read");
		if (v != OBJECT_GOOD)
			return err_set(err, ERR_DATA, "%s of backup %s is %s", path, m->id,
				       object_verdict_word(v));
	}
	return true;
}

static bool prove_files(struct part *part, struct err *err)
{
	struct proving *g = part->proving;
	const struct backup_manifest *m = g->p->manifest;

	for (size_t i = (size_t)part->number; i < m->n_files; i += (size_t)g->p->threads) {
		stint_begin(&part->stint);
		enum object_verdict v =
			proof_file(g->p->repository, m->id, &m->files[i], &part->stint);
		stint_end(&part->stint);
		if (stop_requested() || atomic_load(&g->ending))
			return err_set(err, ERR_STOPPED, "stopped");
		if (v != OBJECT_GOOD)
			tell_damage(g, m->files[i].path, v);
	}
	return true;
}

/* Digests are evenly spread: eight characters of one, turned by the seed, draw the lots. */
static bool is_drawn(const struct proving *g, const char *sha256)
{
	char head[9];

	memcpy(head, sha256 + 8, 8);
	head[8] = '\0';
	unsigned lot = (unsigned)strtoul(head, NULL, 16) ^ g->seed;
	return (double)lot <= g->p->share * 4294967295.0;
}

static enum object_verdict look_at_size(const struct proving *g, const struct listing_row *row)
{
	AUTO_FD int fd = -1;
	int64_t size = 0;
	enum object_verdict v = object_open(g->p->repository, row->sha256, &fd, &size);

	return v == OBJECT_GOOD && size != row->size ? OBJECT_DIFFERS : v;
}

static void prove_row(struct part *part, const struct listing_row *row)
{
	struct proving *g = part->proving;
	bool whole = is_drawn(g, row->sha256);

	stint_begin(&part->stint);
	enum object_verdict v =
		whole ? object_verify(g->p->repository, row->sha256, row->size, &part->stint)
		      : look_at_size(g, row);
	stint_end(&part->stint);
	if (v != OBJECT_GOOD)
		tell_damage(g, row->path, v);
	atomic_fetch_add(&g->done, 1);
	atomic_fetch_add(&g->bytes, whole ? row->size : 0);
}

/* A backup without content has no such list; one that should be there is a file of the manifest. */
static bool prove_list(struct part *part, const char *name, struct err *err)
{
	const struct proof *p = part->proving->p;
	AUTO_FREE char *path = repository_backup_path(p->repository, p->manifest->id, name);
	const struct listing_row *row;
	struct listing *l = NULL;
	bool ok = true;
	long line = 0;

	if (!listing_open(path, &l, err))
		return err->code == ERR_NOT_FOUND;
	while ((ok = listing_next(l, &row, err)) && row) {
		if (stop_requested() || atomic_load(&part->proving->ending)) {
			ok = err_set(err, ERR_STOPPED, "stopped");
			break;
		}
		if (line++ % p->threads == part->number)
			prove_row(part, row);
	}
	listing_close(l);
	return ok;
}

static bool prove_objects(struct part *part, struct err *err)
{
	return prove_list(part, "artifacts.tsv", err) && prove_list(part, "media.tsv", err);
}

static void *work(void *arg)
{
	struct part *part = arg;
	struct proving *g = part->proving;
	struct err err;

	if (g->p->nice)
		priority_lower(g->p->nice);
	if (!part->prove(part, &err)) {
		pthread_mutex_lock(&g->mutex);
		if (!g->failed)
			g->err = err;
		g->failed = true;
		pthread_mutex_unlock(&g->mutex);
	}
	atomic_fetch_sub(&g->running, 1);
	return NULL;
}

/* The threads end with what they are at, and begin nothing else. */
static void give_up(struct proving *g, const struct err *err)
{
	pthread_mutex_lock(&g->mutex);
	g->failed = true;
	g->err = *err;
	pthread_mutex_unlock(&g->mutex);
	atomic_store(&g->ending, true);
	stints_release(g->p->stints);
}

static void watch(struct proving *g)
{
	const struct backup_manifest *m = g->p->manifest;
	const struct timespec moment = { .tv_nsec = 10000000 };
	double told = clock_monotonic();

	while (atomic_load(&g->running) > 0) {
		struct err err;

		(void)nanosleep(&moment, NULL);
		if (g->p->stints && !stints_turn(g->p->stints, &err))
			give_up(g, &err);
		if (!g->p->progress || clock_monotonic() - told < told_every)
			continue;
		told = clock_monotonic();
		g->p->progress(g->p->arg, atomic_load(&g->done),
			       m->artifacts.count + m->media.count, atomic_load(&g->bytes));
	}
}

static bool employ(struct proving *g, bool (*prove)(struct part *part, struct err *err),
		   struct err *err)
{
	struct part parts[MOST_THREADS];
	long n = 0;
	int error = 0;

	for (; n < g->p->threads; n++) {
		parts[n] = (struct part){
			.proving = g, .prove = prove, .number = n, .stint = { .of = g->p->stints }
		};
		atomic_fetch_add(&g->running, 1);
		error = pthread_create(&parts[n].thread, NULL, work, &parts[n]);
		if (error)
			break;
	}
	if (error)
		atomic_fetch_sub(&g->running, 1);
	watch(g);
	for (long i = 0; i < n; i++)
		pthread_join(parts[i].thread, NULL);
	errno = error;
	if (error)
		return err_errno(err, "cannot start a thread");
	if (g->failed)
		*err = g->err;
	return !g->failed;
}

bool proof_run(const struct proof *p, int64_t *ret_damaged, struct err *err)
{
	struct proving g = { .p = p, .seed = (unsigned)(clock_wall() * 1000) };

	if (p->threads < 1 || p->threads > MOST_THREADS)
		return err_set(err, ERR_BUG, "%ld threads", p->threads);
	pthread_mutex_init(&g.mutex, NULL);
	/* What may be is known before the first of them begins. */
	bool ok = (!p->stints || stints_turn(p->stints, err)) && employ(&g, prove_files, err);
	/* A list that is damaged is no guide to the objects. */
	if (ok && g.damaged == 0)
		ok = employ(&g, prove_objects, err);
	pthread_mutex_destroy(&g.mutex);
	*ret_damaged = g.damaged;
	return ok;
}
