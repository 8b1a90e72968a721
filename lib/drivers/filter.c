/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Both of the child's pipes are served by one poll: whoever only writes to a child that first wants
 * to be read waits for ever.
 */
#include "lib/drivers/filter.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/process_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 65536, WORDS_KEPT = 2048 };

struct filter {
	char *name;
	pid_t pid; /* 0: it has ended */
	int in, out, errors;
	struct strbuf words; /* the last of its stderr */
	struct sink to;
	struct source from;
	char *pending; /* pulled and not yet taken by the child */
	size_t pending_at, pending_len;
};

enum ready { READY_IN = 1, READY_OUT = 2 };

static void hear(struct filter *f)
{
	char text[1024];
	ssize_t n = read(f->errors, text, sizeof text);

	if (n > 0)
		strbuf_add(&f->words, text, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		auto_close(&f->errors);
		f->errors = -1;
	}
	if (f->words.len > WORDS_KEPT) {
		size_t drop = f->words.len - WORDS_KEPT;

		memmove(f->words.data, f->words.data + drop, WORDS_KEPT + 1);
		f->words.len = WORDS_KEPT;
	}
}

/* Waits until it takes (where it is to be given something) or gives. */
static bool wait_for(struct filter *f, bool give, unsigned *ready, struct err *err)
{
	*ready = 0;
	while (*ready == 0) {
		struct pollfd p[] = { { .fd = give ? f->in : -1, .events = POLLOUT },
				      { .fd = f->out, .events = POLLIN },
				      { .fd = f->errors, .events = POLLIN },
				      { .fd = stop_fd(), .events = POLLIN } };

		if (stop_requested())
			return err_set(err, ERR_STOPPED, "%s was ended, since a stop was asked",
				       f->name);
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_errno(err, "cannot wait for %s", f->name);
		if (p[2].revents)
			hear(f);
		*ready = (p[0].revents ? READY_IN : 0U) | (p[1].revents ? READY_OUT : 0U);
	}
	return true;
}

/* Its last line says why, as a rule. */
static const char *last_words(struct filter *f)
{
	while (f->words.len > 0 && strchr("\r\n ", f->words.data[f->words.len - 1]))
		f->words.data[--f->words.len] = '\0';
	char *line = f->words.len ? strrchr(f->words.data, '\n') : NULL;

	return line ? line + 1 : f->words.len ? f->words.data : "it did not say why";
}

/* Its output is at an end. */
static bool judge(struct filter *f, struct err *err)
{
	if (f->pid == 0)
		return true;
	int status = process_reap(f->pid);

	f->pid = 0;
	while (f->errors >= 0) {
		struct pollfd p = { .fd = f->errors, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		hear(f);
	}
	return status == 0 || err_set(err, ERR_DATA, "%s ended with status %d: %s", f->name, status,
				      last_words(f));
}

/* One read of its output; *ret_n is 0 at its end, and *none when there was nothing after all. */
static bool take(struct filter *f, void *bytes, size_t room, size_t *ret_n, bool *none,
		 struct err *err)
{
	ssize_t n = read(f->out, bytes, room);

	*none = n < 0 && (errno == EAGAIN || errno == EINTR);
	if (n < 0 && !*none)
		return err_errno(err, "cannot read from %s", f->name);
	*ret_n = n > 0 ? (size_t)n : 0;
	return true;
}

/* *ret_n: how much it took.  A child that takes no more has ended or soon will, and says why. */
static bool give(struct filter *f, const char *bytes, size_t n, size_t *ret_n, struct err *err)
{
	ssize_t done = write(f->in, bytes, n);

	*ret_n = done > 0 ? (size_t)done : 0;
	if (done < 0 && errno == EPIPE) {
		auto_close(&f->in);
		f->in = -1;
		return true;
	}
	return done >= 0 || errno == EAGAIN || errno == EINTR ||
	       err_errno(err, "cannot write to %s", f->name);
}

bool filter_start(const struct process_options *o, struct filter **ret, struct err *err)
{
	AUTO_PLAN struct process_plan p = PROCESS_PLAN_NONE;
	int in[2];

	if (!process_prepare(&p, o, err))
		return false;
	if (pipe2(in, O_CLOEXEC) != 0)
		return err_errno(err, "cannot make a pipe");
	auto_close(&p.in);
	p.in = in[0];
	pid_t pid = process_start(&p, err);

	if (pid < 0) {
		close(in[1]);
		return false;
	}
	struct filter *f = xcalloc(1, sizeof *f);

	*f = (struct filter){ .name = xstrdup(basename(o->argv[0])),
			      .pid = pid,
			      .in = in[1],
			      .out = p.out[0],
			      .errors = p.err[0],
			      .pending = xmalloc(CHUNK) };
	p.out[0] = p.err[0] = -1;
	(void)fcntl(f->in, F_SETFL, O_NONBLOCK);
	(void)fcntl(f->out, F_SETFL, O_NONBLOCK);
	(void)fcntl(f->errors, F_SETFL, O_NONBLOCK);
	*ret = f;
	return true;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	if (f->pid > 0) {
		kill(-f->pid, SIGKILL);
		process_reap(f->pid);
	}
	auto_close(&f->in);
	auto_close(&f->out);
	auto_close(&f->errors);
	strbuf_release(&f->words);
	free(f->pending);
	free(f->name);
	free(f);
}

/* One read of its output, handed on.  *ended: there is no more. */
static bool pass_on(struct filter *f, bool *ended, struct err *err)
{
	size_t n = 0;
	bool none;

	if (!take(f, f->pending, CHUNK, &n, &none, err))
		return false;
	*ended = n == 0 && !none;
	return n == 0 || f->to.put(f->to.arg, f->pending, n, err);
}

static bool put(void *arg, const void *bytes, size_t n, struct err *err)
{
	struct filter *f = arg;

	for (const char *at = bytes; n > 0;) {
		unsigned ready;
		bool ended = f->in < 0;
		size_t done = 0;

		if (!ended && (!wait_for(f, true, &ready, err) ||
			       (ready & READY_OUT && !pass_on(f, &ended, err)) ||
			       (!ended && ready & READY_IN && !give(f, at, n, &done, err))))
			return false;
		if (ended)
			return judge(f, err) &&
			       err_set(err, ERR_DATA, "%s ended before its input did", f->name);
		at += done;
		n -= done;
	}
	return true;
}

struct sink filter_sink(struct filter *f, struct sink to)
{
	f->to = to;
	return (struct sink){ .put = put, .arg = f };
}

bool filter_end(struct filter *f, struct err *err)
{
	bool ended = false;
	unsigned ready;

	auto_close(&f->in);
	f->in = -1;
	while (!ended)
		if (!wait_for(f, false, &ready, err) || !pass_on(f, &ended, err))
			return false;
	return judge(f, err);
}

/* Fills what is pending; closes the child's input where there is no more. */
static bool refill(struct filter *f, struct err *err)
{
	if (f->in < 0 || f->pending_at < f->pending_len)
		return true;
	f->pending_at = 0;
	if (!f->from.get(f->from.arg, f->pending, CHUNK, &f->pending_len, err))
		return false;
	if (f->pending_len == 0) {
		auto_close(&f->in);
		f->in = -1;
	}
	return true;
}

static bool get(void *arg, void *bytes, size_t room, size_t *ret_n, struct err *err)
{
	struct filter *f = arg;
	bool none = true;

	while (none) {
		unsigned ready;
		size_t done = 0;

		if (!refill(f, err) || !wait_for(f, f->in >= 0, &ready, err))
			return false;
		if (ready & READY_IN && !give(f, f->pending + f->pending_at,
					      f->pending_len - f->pending_at, &done, err))
			return false;
		f->pending_at += done;
		if (ready & READY_OUT && !take(f, bytes, room, ret_n, &none, err))
			return false;
	}
	return *ret_n > 0 || judge(f, err);
}

struct source filter_source(struct filter *f, struct source from)
{
	f->from = from;
	return (struct source){ .get = get, .arg = f };
}
