/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The main thread hands out names and tells the progress; each worker opens, copies and hashes,
 * with batches of its own.  The queue is short: names are all it holds.  Names come in order of
 * their digests, and all of one shelf of the store go to one thread at once: small files are copied
 * in less time than it takes to wake a thread, and a shelf that one thread has whole is named
 * whole.
 */
#include "procedures/backup_copy.h"
#include "procedures/file_progress.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/core/thread.h"
#include "lib/drivers/priority.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { QUEUE = 4096, HANDFUL = 16, MOST_THREADS = 32, NO_SHELF = -1 };
static const int64_t handful_bytes = INT64_C(64) << 20; /* larger ones are shared out sooner */
static const double rate_after = 1;	   /* seconds of copying that show how fast it is */
static const double file_bytes = 64 << 10; /* what costs as much as making a file, about */

struct item {
	char *domain, *path;
	char sha256[65];
	bool known;
	int64_t size; /* as it was listed */
};

struct copy_crew {
	struct copy_request rq;
	pthread_mutex_t mutex;
	pthread_cond_t changed;	 /* for the main thread: there is room, or one has ended */
	pthread_cond_t supplied; /* for the workers: there are names, or no more will come */
	pthread_t threads[MOST_THREADS];
	size_t at_work;
	long n_threads, wanted, nice;
	struct item queue[QUEUE];
	size_t first, n, added;
	int64_t bytes;	     /* of what is in the queue */
	int64_t added_bytes; /* of all that was added */
	double began;
	bool closed, failed; /* failed: err says why, nothing more is begun */
	struct err err;
	struct copy_tally tally;
	struct file_progress progress;
};

void copy_tally_release(struct copy_tally *t)
{
	for (size_t i = 0; i < t->n_examples; i++)
		free(t->examples[i]);
	*t = (struct copy_tally){ 0 };
}

static void release_item(struct item *i)
{
	free(i->domain);
	free(i->path);
}

/* Called with the mutex. */
static void fail(struct copy_crew *c, const struct err *err)
{
	if (!c->failed)
		c->err = *err;
	c->failed = true;
	stints_release(c->rq.stints);
	pthread_cond_broadcast(&c->changed);
	pthread_cond_broadcast(&c->supplied);
}

static const char *words_of(enum fs_verdict v)
{
	switch (v) {
	case FS_MISSING:
		return "is not there";
	case FS_OUTSIDE:
		return "lies outside of the roots that are known (pulp.domain_roots)";
	case FS_NOT_REGULAR:
		return "is no regular file";
	case FS_DENIED:
		return "may not be read";
	default:
		return "cannot be read";
	}
}

/* Called with the mutex. */
static void count_bad(struct copy_crew *c, const struct item *i, const char *why)
{
	if (c->tally.n_examples < COPY_EXAMPLES)
		c->tally.examples[c->tally.n_examples++] = xasprintf("%s %s", i->path, why);
}

static int shelf_of(const struct item *i)
{
	return i->known ? i->sha256[0] << 8 | i->sha256[1] : NO_SHELF;
}

/* Called with the mutex: whether all that goes to one thread is there. */
static bool is_ready(const struct copy_crew *c)
{
	if (c->n == 0)
		return false;
	int first = shelf_of(&c->queue[c->first]);
	int last = shelf_of(&c->queue[(c->first + c->n - 1) % QUEUE]);

	return c->closed || c->n == QUEUE || c->bytes >= handful_bytes || first != last ||
	       (first == NO_SHELF && c->n >= HANDFUL);
}

/* Called with the mutex: how many go to one thread, so that others have something, too. */
static size_t share(const struct copy_crew *c)
{
	size_t most = c->n / (size_t)c->wanted + 1, n = 0;
	int64_t bytes = 0;
	int shelf = NO_SHELF;

	for (; n < c->n && bytes < handful_bytes; n++) {
		const struct item *i = &c->queue[(c->first + n) % QUEUE];
		bool same = n > 0 && shelf != NO_SHELF && shelf_of(i) == shelf;

		if (!same && (n >= HANDFUL || n >= most))
			break;
		shelf = shelf_of(i);
		bytes += i->size;
	}
	return n;
}

/* How many it got, in ret; 0 at the end. */
static size_t take(struct copy_crew *c, struct item ret[QUEUE])
{
	size_t n = 0;

	pthread_mutex_lock(&c->mutex);
	while (!c->failed && !is_ready(c) && !c->closed)
		pthread_cond_wait(&c->supplied, &c->mutex);
	bool full = c->n == QUEUE;
	if (!c->failed)
		n = share(c);
	for (size_t i = 0; i < n; i++) {
		ret[i] = c->queue[c->first];
		c->bytes -= ret[i].size;
		c->first = (c->first + 1) % QUEUE;
		c->n--;
	}
	if (full)
		pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->mutex);
	return n;
}

static bool not_opened(struct copy_crew *c, const struct item *i, enum fs_verdict v,
		       struct err *err)
{
	if (v == FS_MISSING && storage_gone(c->rq.storage, i->domain)) {
		(void)err_set(err, ERR_IO, "the directory of Pulp's artifacts is gone");
		return err_hint(err, "Mount it and run the same command again.");
	}
	pthread_mutex_lock(&c->mutex);
	if (v == FS_MISSING)
		c->tally.absent++;
	else
		c->tally.wrong++;
	count_bad(c, i, words_of(v));
	pthread_mutex_unlock(&c->mutex);
	return true;
}

static bool copy_one(struct copy_crew *c, struct object_writer *w, const struct item *i,
		     struct err *err)
{
	struct object_copy copy = { .verdict = OBJECT_MISSING };
	struct fs_file file;
	AUTO_FD int fd = -1;
	enum fs_verdict v = storage_open_file(c->rq.storage, i->domain, i->path, &fd, &file);

	if (v != FS_OK)
		return not_opened(c, i, v, err);
	if (!object_put(w, fd, i->known ? i->sha256 : NULL, &copy, err))
		return false;
	pthread_mutex_lock(&c->mutex);
	if (copy.verdict == OBJECT_GOOD) {
		c->tally.files++;
		c->tally.bytes += copy.size;
		if (c->rq.done)
			c->rq.done(c->rq.arg, i->path, &copy);
	} else {
		c->tally.wrong++;
		count_bad(c, i,
			  copy.verdict == OBJECT_DIFFERS ? "has other bytes than its digest says"
							 : "cannot be read");
	}
	pthread_mutex_unlock(&c->mutex);
	return true;
}

static void *work(void *arg)
{
	struct copy_crew *c = arg;
	struct object_writer *w = object_writer_new(c->rq.repository);
	struct stint stint = { .of = c->rq.stints };
	struct item *items = xcalloc(QUEUE, sizeof(*items));
	struct err err;
	bool ok = true;
	size_t n;

	if (c->rq.reflink)
		object_writer_reflink(w);
	object_writer_pace(w, &stint);
	if (c->nice)
		priority_lower((int)c->nice);
	while (ok && (n = take(c, items)) > 0) {
		stint_begin(&stint);
		for (size_t i = 0; i < n; i++) {
			ok = ok && copy_one(c, w, &items[i], &err);
			release_item(&items[i]);
			stint_pass(&stint);
		}
		stint_end(&stint);
	}
	/* Also after a stop or on a full disk: what was copied is kept, where that can be. */
	struct err last;
	if (!object_writer_flush(w, &last) && ok) {
		err = last;
		ok = false;
	}
	object_writer_free(w);
	free(items);
	pthread_mutex_lock(&c->mutex);
	if (!ok)
		fail(c, &err);
	c->at_work--;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* Called with the mutex, by the main thread. */
static void tell(struct copy_crew *c)
{
	int64_t files = c->tally.files + c->tally.absent + c->tally.wrong;
	int64_t bytes = c->tally.bytes;

	pthread_mutex_unlock(&c->mutex);
	file_progress_tell(&c->progress, files, bytes);
	pthread_mutex_lock(&c->mutex);
}

/* Called with the mutex, by the main thread: how fast it may be now. */
static void steer(struct copy_crew *c)
{
	struct err err;

	pthread_mutex_unlock(&c->mutex);
	bool ok = stints_turn(c->rq.stints, &err);
	pthread_mutex_lock(&c->mutex);
	if (!ok)
		fail(c, &err);
}

/* Called with the mutex: waits a moment for a change, and tells. */
static void pass_time(struct copy_crew *c)
{
	if (stop_requested() && !c->failed) {
		struct err err;

		(void)err_set(&err, ERR_STOPPED, "stopped; %lld file(s) (was|were) copied",
			      (long long)c->tally.files);
		fail(c, &err);
	}

	struct timespec until = clock_after(0.1);

	(void)pthread_cond_timedwait(&c->changed, &c->mutex, &until);
	steer(c);
	tell(c);
}

static bool settings(struct copy_crew *c, struct err *err)
{
	const struct config *config = c->rq.actor->look->config;

	if (!config_long(config, "backup.threads", &c->wanted, err) ||
	    !config_long(config, "backup.nice", &c->nice, err))
		return false;
	if (c->wanted > MOST_THREADS)
		c->wanted = MOST_THREADS;
	return true;
}

static bool employ(struct copy_crew *c, struct err *err)
{
	const struct thread_count count = { .mutex = &c->mutex, .at_work = &c->at_work };

	for (; c->n_threads < c->wanted; c->n_threads++)
		if (!thread_start(&count, &c->threads[c->n_threads], work, c, err))
			return false;
	return true;
}

bool copy_begin(const struct copy_request *rq, struct copy_crew **ret, struct err *err)
{
	struct copy_crew *c = xcalloc(1, sizeof(*c));

	c->rq = *rq;
	if (!settings(c, err)) {
		free(c);
		return false;
	}
	pthread_mutex_init(&c->mutex, NULL);
	clock_cond_init(&c->changed);
	pthread_cond_init(&c->supplied, NULL);
	c->progress = (struct file_progress){ .reporter = rq->actor->reporter,
					      .label = rq->label,
					      .phase = rq->phase,
					      .files = rq->files,
					      .bytes = rq->bytes,
					      .stints = c->rq.stints };
	file_progress_begin(&c->progress, (double)c->wanted);
	c->began = clock_monotonic();
	if (!stints_turn(c->rq.stints, err) || !employ(c, err)) {
		copy_abandon(c);
		return false;
	}
	*ret = c;
	return true;
}

static double work_of(int64_t files, int64_t bytes)
{
	return (double)files * file_bytes + (double)bytes;
}

bool copy_soon_over(struct copy_crew *c, double seconds)
{
	pthread_mutex_lock(&c->mutex);
	double took = clock_monotonic() - c->began;
	double done = work_of(c->tally.files, c->tally.bytes);
	double left = work_of(c->rq.files - (int64_t)c->added, c->rq.bytes - c->added_bytes);
	pthread_mutex_unlock(&c->mutex);
	return took >= rate_after && left * took <= done * seconds;
}

bool copy_add(struct copy_crew *c, const char *domain, const char *path, const char *sha256,
	      int64_t size, struct err *err)
{
	struct item item = { .domain = domain ? xstrdup(domain) : NULL,
			     .path = xstrdup(path),
			     .known = sha256 != NULL,
			     .size = size };

	if (sha256)
		snprintf(item.sha256, sizeof(item.sha256), "%s", sha256);
	pthread_mutex_lock(&c->mutex);
	if (c->added++ % HANDFUL == 0) {
		steer(c);
		tell(c);
	}
	while (!c->failed && (c->n == QUEUE || stop_requested()))
		pass_time(c);
	bool ok = !c->failed;
	if (ok) {
		bool was_ready = is_ready(c);

		c->queue[(c->first + c->n++) % QUEUE] = item;
		c->bytes += size;
		c->added_bytes += size;
		if (!was_ready ? is_ready(c) : c->n % HANDFUL == 0)
			pthread_cond_signal(&c->supplied);
	} else {
		*err = c->err;
		release_item(&item);
	}
	pthread_mutex_unlock(&c->mutex);
	return ok;
}

static void destroy(struct copy_crew *c)
{
	for (long i = 0; i < c->n_threads; i++)
		pthread_join(c->threads[i], NULL);
	stints_pause(c->rq.stints, c->rq.label);
	for (; c->n > 0; c->n--) {
		release_item(&c->queue[c->first]);
		c->first = (c->first + 1) % QUEUE;
	}
	pthread_cond_destroy(&c->changed);
	pthread_cond_destroy(&c->supplied);
	pthread_mutex_destroy(&c->mutex);
}

static void add_tally(struct copy_tally *to, struct copy_tally *from)
{
	to->files += from->files;
	to->bytes += from->bytes;
	to->absent += from->absent;
	to->wrong += from->wrong;
	for (size_t i = 0; i < from->n_examples && to->n_examples < COPY_EXAMPLES; i++)
		to->examples[to->n_examples++] = TAKE(from->examples[i]);
	copy_tally_release(from);
}

bool copy_end(struct copy_crew *c, struct copy_tally *ret, struct err *err)
{
	pthread_mutex_lock(&c->mutex);
	c->closed = true;
	pthread_cond_broadcast(&c->supplied);
	while (c->at_work > 0)
		pass_time(c);
	pthread_mutex_unlock(&c->mutex);
	destroy(c);
	bool ok = !c->failed;
	if (!ok)
		*err = c->err;
	add_tally(ret, &c->tally);
	free(c);
	return ok;
}

void copy_abandon(struct copy_crew *c)
{
	struct copy_tally ignored = { 0 };
	struct err err;

	(void)err_set(&err, ERR_STOPPED, "abandoned");
	pthread_mutex_lock(&c->mutex);
	fail(c, &err);
	pthread_mutex_unlock(&c->mutex);
	(void)!copy_end(c, &ignored, &err);
	copy_tally_release(&ignored);
}
