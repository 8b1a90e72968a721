/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The statement runs in a thread; this one watches and cancels. */
#include "procedures/cancelable.h"

#include "lib/core/stop.h"
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const int poll_ms = 100;

struct work {
	const struct cancelable *c;
	int over; /* eventfd, readable when the thread has ended */
	bool ok;
	struct err err;
};

static void *work_thread(void *arg)
{
	struct work *w = arg;

	w->ok = pg_exec(w->c->db, w->c->sql, &w->err);
	(void)!eventfd_write(w->over, 1);
	return NULL;
}

bool cancelable_exec(const struct cancelable *c, bool *cancelled, struct err *err)
{
	struct work w = { .c = c, .over = eventfd(0, EFD_CLOEXEC) };
	struct pollfd over = { .fd = w.over, .events = POLLIN };
	pthread_t thread;
	bool yes = false, ok = true;

	*cancelled = false;
	if (w.over < 0)
		return err_errno(err, "could not make an event descriptor");
	if (pthread_create(&thread, NULL, work_thread, &w) != 0) {
		close(w.over);
		return err_set(err, ERR_BUG, "no thread could be started");
	}
	while (ok && poll(&over, 1, poll_ms) <= 0) {
		ok = !c->give_way || c->give_way(c->arg, &yes, err);
		if (!ok || yes || stop_requested()) {
			*cancelled = true;
			pg_cancel(c->db);
		}
	}
	pthread_join(thread, NULL);
	close(w.over);
	if (ok && !w.ok && !*cancelled) {
		*err = w.err;
		return false;
	}
	return ok;
}
