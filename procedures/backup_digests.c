/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The largest file comes first: begun last, one thread would be at it when all others have ended.
 */
#include "procedures/backup_digests.h"

#include "lib/core/mem.h"
#include "lib/drivers/hash.h"
#include "lib/drivers/priority.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_THREADS = 32 };

struct digests {
	const char *dir;
	struct manifest_file **order;
	size_t n;
	pthread_t threads[MOST_THREADS];
	long n_threads, nice;
	pthread_mutex_t mutex; /* of all below */
	size_t next;
	bool failed; /* err says why, nothing more is begun */
	struct err err;
};

static bool digest(const char *dir, struct manifest_file *f, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, f->path);
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	return (fd >= 0 && sha256_file(fd, &f->size, f->sha256)) ||
	       err_errno(err, "cannot read %s", path);
}

static struct manifest_file *take(struct digests *d)
{
	pthread_mutex_lock(&d->mutex);
	struct manifest_file *f = d->failed || d->next == d->n ? NULL : d->order[d->next++];
	pthread_mutex_unlock(&d->mutex);
	return f;
}

static void *work(void *arg)
{
	struct digests *d = arg;
	struct manifest_file *f;
	struct err err;

	if (d->nice)
		priority_lower((int)d->nice);
	while ((f = take(d)) != NULL) {
		if (digest(d->dir, f, &err))
			continue;
		pthread_mutex_lock(&d->mutex);
		d->failed = true;
		d->err = err;
		pthread_mutex_unlock(&d->mutex);
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	const struct manifest_file *const *f = a, *const *g = b;

	return ((*f)->size < (*g)->size) - ((*f)->size > (*g)->size);
}

static struct digests *new_digests(const char *dir, struct manifest_file *f, size_t n)
{
	struct digests *d = xcalloc(1, sizeof(*d));

	d->dir = dir;
	d->n = n;
	d->order = xcalloc(n, sizeof(struct manifest_file *));
	for (size_t i = 0; i < n; i++)
		d->order[i] = &f[i];
	qsort(d->order, n, sizeof(*d->order), by_size);
	pthread_mutex_init(&d->mutex, NULL);
	return d;
}

bool digests_begin(const struct config *config, const char *dir, struct manifest_file *f, size_t n,
		   struct digests **ret, struct err *err)
{
	long wanted, nice;

	if (!config_long(config, "backup.threads", &wanted, err) ||
	    !config_long(config, "backup.nice", &nice, err))
		return false;
	struct digests *d = new_digests(dir, f, n);

	d->nice = nice;
	if (wanted > MOST_THREADS)
		wanted = MOST_THREADS;
	for (; d->n_threads < wanted; d->n_threads++) {
		errno = pthread_create(&d->threads[d->n_threads], NULL, work, d);
		if (errno)
			break;
	}
	if (d->n_threads == 0) {
		(void)err_errno(&d->err, "cannot start a thread");
		d->failed = true;
	}
	*ret = d;
	return true;
}

bool digests_end(struct digests *d, struct err *err)
{
	for (long i = 0; i < d->n_threads; i++)
		pthread_join(d->threads[i], NULL);
	bool ok = !d->failed;

	if (!ok)
		*err = d->err;
	pthread_mutex_destroy(&d->mutex);
	free(d->order);
	free(d);
	return ok;
}
