/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Threads take rows off the listing by the handful.  What is on disk with the right size and digest
 * is left alone; the rest is copied.  A file that has not changed since the store got its bytes has
 * them, and is not read.  An artifact bears its digest in its name, so one with other bytes is
 * damaged and is replaced; other media has no such proof and stays.
 */
#include "procedures/restore_content.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/fs_put.h"
#include "lib/drivers/priority.h"
#include "lib/store/listing.h"
#include "lib/store/object.h"
#include "lib/store/stamp.h"
#include "procedures/restore_homes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTES = 16, THREADS_MAX = 16, HANDFUL = 32 };
static const int64_t handful_bytes = 1 << 20; /* large files are shared out one by one */
static const double told_every = 1;	      /* seconds */

const char *const restore_listings[] = { "artifacts.tsv", "media.tsv", NULL };

bool restore_skipped(const struct restore_job *j, const char *word)
{
	for (size_t i = 0; j->manifest.skipped && j->manifest.skipped[i]; i++)
		if (strcmp(j->manifest.skipped[i], word) == 0)
			return true;
	return false;
}

bool restore_has_listing(const struct restore_job *j, const char *name)
{
	return backup_manifest_file(&j->manifest, name) != NULL;
}

struct crew {
	const struct content_work *work;
	struct listing *listing;
	struct restore_homes homes;
	struct fs_sink **sinks; /* of each home; NULL: it is not known */
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t ended;
	size_t at_work;
	bool failed;
	struct err err;
	struct content_tally tally;
	struct {
		char *path;
		const char *what; /* static */
	} notes[NOTES];
	size_t n_notes;
};

/* One row of the listing, as a thread holds it. */
struct row {
	char sha256[65];
	int64_t size;
	char *path;
};

enum here { HERE_GOOD, HERE_MISSING, HERE_DIFFERS, HERE_STRANGE };

static enum here look(const struct content_work *w, const struct fs_root *root,
		      const struct row *row, struct stint *stint, struct content_tally *t)
{
	struct fs_file file = { 0 };
	AUTO_FD int fd = -1;
	char found[65];
	enum fs_verdict verdict = fs_open(root, row->path, &fd, &file);

	if (verdict != FS_OK)
		return verdict == FS_MISSING ? HERE_MISSING : HERE_STRANGE;
	if (file.size != row->size)
		return HERE_DIFFERS;
	if (!w->checksum && stamp_fits(w->job->repository, row->sha256, &file)) {
		t->unchanged++;
		return HERE_GOOD;
	}
	t->read++;
	return object_digest(fd, file.size, stint, found) && strcmp(found, row->sha256) == 0
		       ? HERE_GOOD
		       : HERE_DIFFERS;
}

/* Whether the path ends in ab/cdef... of the digest. */
static bool named_by_digest(const struct row *row)
{
	size_t len = strlen(row->path);

	return len >= 65 && strncmp(row->path + len - 65, row->sha256, 2) == 0 &&
	       row->path[len - 63] == '/' && strcmp(row->path + len - 62, row->sha256 + 2) == 0;
}

static void note(struct crew *c, const struct row *row, const char *what)
{
	pthread_mutex_lock(&c->lock);
	if (c->n_notes < NOTES) {
		c->notes[c->n_notes].path = xstrdup(row->path);
		c->notes[c->n_notes++].what = what;
	}
	pthread_mutex_unlock(&c->lock);
}

static bool between(void *arg)
{
	stint_pass(arg);
	errno = ECANCELED;
	return !stop_requested();
}

static bool put(struct crew *c, const struct fs_sink *sink, const struct row *row,
		struct stint *stint, struct content_tally *t, struct err *err)
{
	const struct fs_between pass = { .fn = between, .arg = stint };
	AUTO_FD int from = -1;
	int64_t size = 0, copied = 0;
	bool good = false;
	enum object_verdict v = object_open(c->work->job->repository, row->sha256, &from, &size);

	if (v == OBJECT_GOOD &&
	    !fs_sink_put(sink, row->path, from, row->sha256, &pass, &good, &copied, err))
		return stop_requested(); /* which the whole ends with */
	if (good) {
		t->copied++;
		t->copied_bytes += copied;
		return true;
	}
	t->bad++;
	note(c, row,
	     v == OBJECT_MISSING   ? "is neither on disk nor in the store"
	     : v == OBJECT_FOREIGN ? "is no regular file in the store"
				   : "is not on disk, and damaged in the store");
	return true;
}

static bool handle(struct crew *c, const struct row *row, struct stint *stint,
		   struct content_tally *t, struct err *err)
{
	size_t home = restore_home_of(&c->homes, row->path);
	const struct fs_root *root = c->homes.all[home].root;

	t->files++;
	t->bytes += row->size;
	if (!root) {
		t->bad++;
		note(c, row, "is of a domain whose directory is not in pulp.domain_roots");
		return true;
	}
	enum here here = look(c->work, root, row, stint, t);
	if (stop_requested())
		return true; /* it may not have been read to its end */
	if (here == HERE_GOOD)
		return true;
	if (here == HERE_STRANGE) {
		t->bad++;
		note(c, row, "has something in its place that is no file below the media");
		return true;
	}
	if (here == HERE_DIFFERS && !named_by_digest(row)) {
		t->kept++;
		note(c, row, "has other bytes now, and stays as it is");
		return true;
	}
	t->replaced += here == HERE_DIFFERS;
	return put(c, c->sinks[home], row, stint, t, err);
}

static void add(struct content_tally *to, const struct content_tally *t)
{
	to->files += t->files;
	to->bytes += t->bytes;
	to->unchanged += t->unchanged;
	to->read += t->read;
	to->copied += t->copied;
	to->copied_bytes += t->copied_bytes;
	to->replaced += t->replaced;
	to->kept += t->kept;
	to->bad += t->bad;
}

/* How many it got: 0 at the end of the listing, or of all work. */
static size_t take(struct crew *c, struct row rows[HANDFUL])
{
	const struct listing_row *next;
	int64_t bytes = 0;
	size_t n = 0;

	pthread_mutex_lock(&c->lock);
	while (n < HANDFUL && bytes < handful_bytes && !c->failed && !stop_requested()) {
		if (!listing_next(c->listing, &next, &c->err)) {
			c->failed = true;
		} else if (!next) {
			break;
		} else {
			memcpy(rows[n].sha256, next->sha256, sizeof(rows[n].sha256));
			rows[n].size = next->size;
			rows[n++].path = xstrdup(next->path);
			bytes += next->size;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* One row, and its share of the tally. */
static void work_on(struct crew *c, const struct row *row, struct stint *stint)
{
	struct content_tally t = { 0 };
	struct err err = { 0 };
	bool ok = handle(c, row, stint, &t, &err);

	pthread_mutex_lock(&c->lock);
	add(&c->tally, &t);
	if (!ok && !c->failed) {
		c->failed = true;
		c->err = err;
	}
	pthread_mutex_unlock(&c->lock);
}

static void *labour(void *arg)
{
	struct crew *c = arg;
	struct stint stint = { .of = c->work->stints };
	struct row rows[HANDFUL];
	size_t n;

	if (c->work->nice)
		priority_lower(c->work->nice);
	while ((n = take(c, rows)) > 0) {
		stint_begin(&stint);
		for (size_t i = 0; i < n; i++) {
			work_on(c, &rows[i], &stint);
			free(rows[i].path);
			stint_pass(&stint);
		}
		stint_end(&stint);
	}
	pthread_mutex_lock(&c->lock);
	c->at_work--;
	pthread_cond_signal(&c->ended);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* In the main thread: events come from it only. */
static void report(struct crew *c)
{
	while (c->n_notes > 0) {
		c->n_notes--;
		c->work->tell(c->work->arg, c->notes[c->n_notes].path, c->notes[c->n_notes].what);
		free(c->notes[c->n_notes].path);
	}
	c->work->tick(c->work->arg, &c->tally);
}

/* How fast it may be now.  Called with the lock, in the main thread. */
static void steer(struct crew *c)
{
	struct err err;

	pthread_mutex_unlock(&c->lock);
	bool ok = stints_turn(c->work->stints, &err);
	pthread_mutex_lock(&c->lock);
	if (ok || c->failed)
		return;
	c->failed = true;
	c->err = err;
	stints_release(c->work->stints);
}

static void attend(struct crew *c)
{
	double told = clock_monotonic();

	pthread_mutex_lock(&c->lock);
	while (c->at_work > 0) {
		struct timespec until = clock_after(0.1);

		(void)pthread_cond_timedwait(&c->ended, &c->lock, &until);
		steer(c);
		if (clock_monotonic() - told < told_every)
			continue;
		told = clock_monotonic();
		report(c);
	}
	report(c);
	pthread_mutex_unlock(&c->lock);
}

static void employ(struct crew *c)
{
	pthread_t threads[THREADS_MAX];
	size_t n = 0, wanted = c->work->threads < THREADS_MAX ? c->work->threads : THREADS_MAX;

	c->at_work = wanted;
	pthread_mutex_lock(&c->lock);
	steer(c); /* what may be is known before the first begins */
	pthread_mutex_unlock(&c->lock);
	for (; n < wanted; n++)
		if (pthread_create(&threads[n], NULL, labour, c) != 0)
			break;
	pthread_mutex_lock(&c->lock);
	c->at_work -= wanted - n;
	if (n == 0) {
		c->failed = true;
		(void)err_set(&c->err, ERR_IO, "cannot start a thread");
	}
	pthread_mutex_unlock(&c->lock);
	attend(c);
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(threads[i], NULL);
}

static bool open_sinks(struct crew *c, struct err *err)
{
	const struct content_work *w = c->work;

	if (!restore_homes_open(&w->job->manifest, w->config, w->root, &c->homes, err))
		return false;
	c->sinks = xcalloc(c->homes.n, sizeof(struct fs_sink *));
	for (size_t i = 0; i < c->homes.n; i++)
		if (c->homes.all[i].root &&
		    !fs_sink_open(fs_root_path(c->homes.all[i].root), &c->sinks[i], err))
			return false;
	return true;
}

static bool sync_sinks(const struct crew *c, struct err *err)
{
	for (size_t i = 0; i < c->homes.n; i++)
		if (c->sinks[i] && !fs_sink_sync(c->sinks[i], err))
			return false;
	return true;
}

static void close_sinks(struct crew *c)
{
	for (size_t i = 0; c->sinks && i < c->homes.n; i++)
		fs_sink_close(c->sinks[i]);
	free(c->sinks);
	restore_homes_close(&c->homes);
}

bool content_put(const struct content_work *w, struct content_tally *t, struct err *err)
{
	AUTO_FREE char *path = *w->listing == '/'
				       ? xstrdup(w->listing)
				       : repository_backup_path(w->job->repository,
								w->job->manifest.id, w->listing);
	struct crew c = { .work = w, .lock = PTHREAD_MUTEX_INITIALIZER };

	clock_cond_init(&c.ended);
	bool ok = listing_open(path, &c.listing, err) && open_sinks(&c, err);

	if (ok) {
		employ(&c);
		add(t, &c.tally);
		ok = !c.failed;
		if (!ok)
			*err = c.err;
		else if (stop_requested())
			ok = err_set(err, ERR_STOPPED,
				     "stopped while it looked at the media; what "
				     "was copied stays");
		else
			ok = sync_sinks(&c, err);
	}
	close_sinks(&c);
	listing_close(c.listing);
	return ok;
}
