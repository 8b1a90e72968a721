/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each child has a socket that keeps messages whole: down go numbers of jobs, up come answers.  A
 * child gets its next job when it has answered, so one that hangs holds up none but its own.
 */
#include "lib/core/crew.h"

#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXAMPLE_BYTES = 1024, MOST_CHILDREN = 64, LAST_MOMENT_MS = 1000 };

/* A fork has our addresses: the static texts that counts point to are there in both. */
struct answer {
	double seconds;
	struct outcome outcome; /* its examples are the sender's */
	char examples[OUTCOME_EXAMPLES][EXAMPLE_BYTES];
};

enum job_state { JOB_WAITS, JOB_BEGUN, JOB_ANSWERED, JOB_FAILED, JOB_TAKEN };
struct job {
	enum job_state state;
	pid_t by; /* the child that has begun it */
	struct outcome outcome;
	double seconds;
	struct err err; /* of one that has failed */
};
struct child {
	pid_t pid;
	int fd;	    /* -1: there is none */
	size_t job; /* = jobs: it waits for one */
	double begun;
};
struct crew {
	struct crew_options o;
	struct job *jobs;
	size_t next; /* no job before this one waits */
	struct child children[MOST_CHILDREN];
};

static bool at_work(const struct crew *c, const struct child *child)
{
	return child->fd >= 0 && child->job < c->o.jobs;
}

static bool any_at_work(const struct crew *c)
{
	for (size_t k = 0; k < c->o.size; k++)
		if (at_work(c, &c->children[k]))
			return true;
	return false;
}

static void send_answer(int fd, struct outcome *o, double seconds)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	a->seconds = seconds;
	a->outcome = *o;
	for (size_t i = 0; i < OUTCOME_EXAMPLES && o->examples[i]; i++)
		(void)snprintf(a->examples[i], EXAMPLE_BYTES, "%s", o->examples[i]);
	outcome_release(o);
	/* Nobody to tell: whoever started us has ended. */
	if (send(fd, a, sizeof(*a), MSG_NOSIGNAL) < 0)
		exit(EXIT_FAILURE);
	free(a);
}

/* The life of a child, until there are no more jobs. */
static _Noreturn void serve(const struct crew *c, int fd)
{
	size_t i;

	for (size_t k = 0; k < c->o.size; k++)
		if (c->children[k].fd >= 0)
			(void)close(c->children[k].fd);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	stop_install();
	while (recv(fd, &i, sizeof(i), 0) == (ssize_t)sizeof(i)) {
		struct outcome o = { 0 };
		double begun = clock_monotonic();

		c->o.work(c->o.arg, i, &o);
		send_answer(fd, &o, clock_monotonic() - begun);
	}
	exit(EXIT_SUCCESS);
}

static bool hire(struct crew *c, struct child *child, struct err *err)
{
	int ends[2];

	child->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_errno(err, "cannot make a socket");
	/* What is buffered is ours to write. */
	(void)fflush(NULL);
	child->pid = fork();
	if (child->pid == 0) {
		(void)close(ends[0]);
		serve(c, ends[1]);
	}
	(void)close(ends[1]);
	if (child->pid < 0) {
		(void)close(ends[0]);
		return err_errno(err, "cannot start a process");
	}
	child->fd = ends[0];
	child->job = c->o.jobs;
	return true;
}

static void dismiss(struct child *child)
{
	auto_close(&child->fd);
	child->fd = -1;
	(void)kill(child->pid, SIGKILL);
	/* It is gone in a moment, as a rule; one that the kernel holds is not waited for any more.
	 */
	for (int ms = 0; ms < LAST_MOMENT_MS && waitpid(child->pid, NULL, WNOHANG) == 0; ms++)
		(void)usleep(1000);
}

static bool is_kin(const struct crew *c, size_t i, size_t j)
{
	const char *a = c->o.kin ? c->o.kin(c->o.arg, i) : NULL;
	const char *b = a ? c->o.kin(c->o.arg, j) : NULL;

	return b && strcmp(a, b) == 0;
}

static bool is_ours(const struct crew *c, pid_t pid)
{
	for (size_t k = 0; k < c->o.size; k++)
		if (c->children[k].fd >= 0 && c->children[k].pid == pid)
			return true;
	return false;
}

/* Not what is kin to a job of another child, unless that one has died. */
static bool may_take(const struct crew *c, const struct child *child, size_t i)
{
	for (size_t j = 0; j < c->o.jobs; j++)
		if (c->jobs[j].by > 0 && is_kin(c, i, j) && is_ours(c, c->jobs[j].by))
			return child->fd >= 0 && child->pid == c->jobs[j].by;
	return true;
}

static bool next_for(struct crew *c, const struct child *child, size_t *ret)
{
	while (c->next < c->o.jobs && c->jobs[c->next].state != JOB_WAITS)
		c->next++;
	for (*ret = c->next; *ret < c->o.jobs; ++*ret)
		if (c->jobs[*ret].state == JOB_WAITS && may_take(c, child, *ret))
			return true;
	return false;
}

/* Gives a child its next job; without one it waits for its end. */
static void give(struct crew *c, struct child *child)
{
	struct err err;
	size_t i;

	while (next_for(c, child, &i)) {
		struct job *job = &c->jobs[i];

		if (child->fd >= 0 || hire(c, child, &err)) {
			child->job = i;
			child->begun = clock_monotonic();
			job->state = JOB_BEGUN;
			job->by = child->pid;
			/* To a child that has just died: its end is read instead of an answer. */
			(void)send(child->fd, &i, sizeof(i), MSG_NOSIGNAL);
			return;
		}
		/* Others that are at work take it; without any there is nobody. */
		if (any_at_work(c))
			return;
		job->state = JOB_FAILED;
		job->err = err;
	}
}

static void lose(struct crew *c, struct child *child, const struct err *err)
{
	struct job *job = &c->jobs[child->job];

	dismiss(child);
	job->state = JOB_FAILED;
	job->err = *err;
	job->seconds = clock_monotonic() - child->begun;
	child->job = c->o.jobs;
}

static void hear(struct crew *c, struct child *child)
{
	AUTO_FREE struct answer *a = xcalloc(1, sizeof(*a));
	struct job *job = &c->jobs[child->job];
	struct err err;

	if (recv(child->fd, a, sizeof(*a), 0) != (ssize_t)sizeof(*a)) {
		(void)err_set(&err, ERR_BUG, "it ended without an answer");
		(void)err_hint(&err, "Please report this.");
		lose(c, child, &err);
		return;
	}
	job->state = JOB_ANSWERED;
	job->seconds = a->seconds;
	job->outcome = a->outcome;
	for (size_t i = 0; i < OUTCOME_EXAMPLES; i++)
		job->outcome.examples[i] = a->outcome.examples[i] ? xstrdup(a->examples[i]) : NULL;
	child->job = c->o.jobs;
}

static void give_up(struct crew *c, struct child *child)
{
	char words[32];
	struct err err;

	clock_in_words(c->o.limit, words, sizeof(words));
	(void)err_set(&err, ERR_TIMEOUT, "it did not end within %s", words);
	lose(c, child, &err);
}

/* Milliseconds until the first limit is over; -1: there is none. */
static int time_left(const struct crew *c)
{
	double now = clock_monotonic(), least = -1;

	if (c->o.limit <= 0)
		return -1;
	for (size_t k = 0; k < c->o.size; k++) {
		double left = c->children[k].begun + c->o.limit - now;

		if (at_work(c, &c->children[k]) && (least < 0 || left < least))
			least = left > 0 ? left : 0;
	}
	return least < 0 ? -1 : (int)(least * 1000) + 1;
}

/* Until something has happened: an answer, an end, a limit, the wish to stop. */
static void look(struct crew *c)
{
	struct pollfd p[MOST_CHILDREN + 1] = { { .fd = stop_fd(), .events = POLLIN } };

	for (size_t k = 0; k < c->o.size; k++)
		p[k + 1] =
			(struct pollfd){ .fd = at_work(c, &c->children[k]) ? c->children[k].fd : -1,
					 .events = POLLIN };
	if (poll(p, c->o.size + 1, time_left(c)) < 0)
		return; /* a signal */
	for (size_t k = 0; k < c->o.size; k++) {
		struct child *child = &c->children[k];

		if (p[k + 1].revents)
			hear(c, child);
		else if (at_work(c, child) && c->o.limit > 0 &&
			 clock_monotonic() - child->begun >= c->o.limit)
			give_up(c, child);
		else
			continue;
		give(c, child);
	}
}

struct crew *crew_start(const struct crew_options *o)
{
	struct crew *c = xcalloc(1, sizeof(*c));

	c->o = *o;
	c->o.size = o->size < 1 ? 1 : o->size > MOST_CHILDREN ? MOST_CHILDREN : o->size;
	c->jobs = xcalloc(o->jobs, sizeof(*c->jobs));
	for (size_t i = 0; i < o->jobs; i++)
		c->jobs[i].state = o->wanted(o->arg, i) ? JOB_WAITS : JOB_TAKEN;
	for (size_t k = 0; k < c->o.size; k++)
		c->children[k] = (struct child){ .fd = -1, .job = o->jobs };
	for (size_t k = 0; k < c->o.size; k++)
		give(c, &c->children[k]);
	return c;
}

bool crew_take(struct crew *c, size_t i, struct outcome *out, double *seconds, struct err *err)
{
	struct job *job = &c->jobs[i];

	while (job->state <= JOB_BEGUN && !stop_requested())
		look(c);
	*seconds = job->seconds;
	if (job->state == JOB_FAILED) {
		*err = job->err;
		return false;
	}
	if (job->state != JOB_ANSWERED) {
		for (size_t k = 0; k < c->o.size; k++)
			if (c->children[k].fd >= 0)
				dismiss(&c->children[k]);
		return err_set(err, ERR_STOPPED, "stopped before its end");
	}
	*out = job->outcome;
	job->state = JOB_TAKEN;
	return true;
}

void crew_end(struct crew *c)
{
	if (!c)
		return;
	for (size_t k = 0; k < c->o.size; k++) {
		if (at_work(c, &c->children[k]))
			dismiss(&c->children[k]);
		else if (c->children[k].fd >= 0)
			(void)close(c->children[k].fd); /* the end of its jobs */
	}
	for (size_t k = 0; k < c->o.size; k++)
		if (c->children[k].fd >= 0)
			(void)waitpid(c->children[k].pid, NULL, 0);
	for (size_t i = 0; i < c->o.jobs; i++)
		if (c->jobs[i].state == JOB_ANSWERED)
			outcome_release(&c->jobs[i].outcome);
	free(c->jobs);
	free(c);
}
