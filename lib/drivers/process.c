/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Children by argv.  All that allocates or asks the name service happens before fork(), since
 * between fork and exec in a program with threads only async-signal-safe calls are allowed.
 */
#include "lib/drivers/process.h"
#include "lib/core/clock.h"
#include "lib/core/mem.h"
#include "lib/core/stop.h"
#include "lib/drivers/priority.h"
#include "lib/drivers/process_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <math.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 16384, LINE_MAX_BYTES = 4096, ERRORS_KEPT = 4096 };
static const double tick_every = 0.5; /* seconds */

/* One of its outputs. */
struct stream {
	int fd;
	struct strbuf *kept; /* may be NULL */
	size_t max;	     /* bytes kept */
	bool keep_tail;	     /* beyond max the beginning goes; else it is too much */
	struct strbuf line;
};

static void close_pair(int fds[2])
{
	auto_close(&fds[0]);
	auto_close(&fds[1]);
	fds[0] = fds[1] = -1;
}

void process_plan_release(struct process_plan *p)
{
	free(p->path);
	free(p->groups);
	free(p->env);
	auto_close(&p->in);
	close_pair(p->out);
	close_pair(p->err);
	close_pair(p->failed);
}

static void release_stream(struct stream *s)
{
	auto_close(&s->fd);
	strbuf_release(&s->line);
}

/* As execvp would, but before the fork. */
static char *find_program(const char *name)
{
	if (strchr(name, '/'))
		return xstrdup(name);
	const char *dirs = getenv("PATH");
	for (const char *p = dirs ? dirs : "/usr/sbin:/usr/bin:/sbin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		AUTO_FREE char *path = xasprintf("%.*s/%s", (int)len, p, name);
		if (len > 0 && access(path, X_OK) == 0)
			return TAKE(path);
		p += len + (p[len] == ':');
	}
	return NULL;
}

bool process_split(char *text, const char **argv, size_t most, struct err *err)
{
	static const char blanks[] = " \t";
	char *rest = NULL;
	size_t n = 0;

	for (char *w = strtok_r(text, blanks, &rest); w; w = strtok_r(NULL, blanks, &rest)) {
		if (n == most)
			return err_set(err, ERR_CONFIG, "a command has more than %zu words", most);
		argv[n++] = w;
	}
	argv[n] = NULL;
	return n > 0 || err_set(err, ERR_CONFIG, "a command has no word");
}

static bool plan_user(struct process_plan *p, const char *name, struct err *err)
{
	if (!name || geteuid() != 0)
		return true;
	struct passwd pw, *found = NULL;
	AUTO_FREE char *buf = xmalloc(CHUNK);
	int error = getpwnam_r(name, &pw, buf, CHUNK, &found);
	if (!found) {
		errno = error;
		return error ? err_errno(err, "cannot look up the user %s", name)
			     : err_set(err, ERR_NOT_FOUND, "there is no user %s", name);
	}
	p->n_groups = 16;
	p->groups = xcalloc((size_t)p->n_groups, sizeof *p->groups);
	while (getgrouplist(name, pw.pw_gid, p->groups, &p->n_groups) < 0)
		p->groups = xrealloc(p->groups, (size_t)p->n_groups * sizeof *p->groups);
	p->uid = pw.pw_uid;
	p->gid = pw.pw_gid;
	p->change_user = true;
	return true;
}

/* A file in memory takes any length at once: nobody has to write while the child reads. */
static bool plan_input(struct process_plan *p, const char *text, struct err *err)
{
	if (!text) {
		p->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return p->in >= 0 || err_errno(err, "cannot open /dev/null");
	}
	p->in = memfd_create("input", MFD_CLOEXEC);
	for (size_t len = strlen(text); p->in >= 0 && len > 0;) {
		ssize_t n = write(p->in, text, len);
		if (n < 0)
			return err_errno(err, "cannot keep what %s is to read", p->argv[0]);
		text += n;
		len -= (size_t)n;
	}
	return (p->in >= 0 && lseek(p->in, 0, SEEK_SET) == 0) ||
	       err_errno(err, "cannot keep what %s is to read", p->argv[0]);
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/* Of two that set the same variable the first counts, as getenv(3) reads them. */
static char **environment(const struct process_options *o)
{
	const char *const *env = o->env ? o->env : (const char *const *)environ;
	size_t n = count(env), more = count(o->more);
	char **list = xcalloc(n + more + 1, sizeof(*list));

	if (more)
		memcpy(list, o->more, more * sizeof(*list));
	memcpy(list + more, env, n * sizeof(*list));
	return list;
}

bool process_prepare(struct process_plan *p, const struct process_options *o, struct err *err)
{
	p->path = find_program(o->argv[0]);
	if (!p->path)
		return err_set(err, ERR_NOT_FOUND, "there is no program %s", o->argv[0]);
	p->argv = o->argv;
	p->env = environment(o);
	p->dir = o->dir ? o->dir : "/";
	p->ends_with = o->ends_with_us ? getpid() : 0;
	p->nice = o->nice;
	if (!plan_user(p, o->user, err) || !plan_input(p, o->input, err))
		return false;
	if (pipe2(p->out, O_CLOEXEC) != 0 || pipe2(p->err, O_CLOEXEC) != 0 ||
	    pipe2(p->failed, O_CLOEXEC) != 0)
		return err_errno(err, "cannot make a pipe");
	return true;
}

/* Every descriptor above the standard ones closes on exec, whoever opened it. */
static void close_all_on_exec(void)
{
#ifdef SYS_close_range
	const unsigned cloexec = 4; /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */
	if (syscall(SYS_close_range, 3U, ~0U, cloexec) == 0)
		return;
#endif
	long max = sysconf(_SC_OPEN_MAX);
	for (int fd = 3; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Own process group, so that all it starts can be killed; no signal is ignored or blocked. */
static bool become(const struct process_plan *p)
{
	setpgid(0, 0);
	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(p->in, 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0)
		return false;
	close_all_on_exec();
	if (p->nice)
		priority_lower(p->nice);
	if (p->change_user && (setgroups((size_t)p->n_groups, p->groups) != 0 ||
			       setgid(p->gid) != 0 || setuid(p->uid) != 0))
		return false;
	/* After the change of user, which would clear it; who has died by now tells nobody. */
	if (p->ends_with && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != p->ends_with))
		return false;
	return chdir(p->dir) == 0;
}

static _Noreturn void run_child(const struct process_plan *p)
{
	if (become(p))
		execve(p->path, (char *const *)(uintptr_t)p->argv, p->env);
	int error = errno;
	ssize_t n = write(p->failed[1], &error, sizeof error);
	_exit(n == sizeof error ? 127 : 126);
}

int process_reap(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

pid_t process_start(struct process_plan *p, struct err *err)
{
	/* A signal that comes between fork and exec must not run our handlers in the child. */
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &p->mask);
	pid_t pid = fork();
	if (pid == 0)
		run_child(p);
	int fork_errno = errno;
	pthread_sigmask(SIG_SETMASK, &p->mask, NULL);
	if (pid < 0) {
		errno = fork_errno;
		err_errno(err, "cannot start %s", p->path);
		return -1;
	}
	(void)setpgid(pid, pid); /* whoever comes first */
	auto_close(&p->failed[1]);
	p->failed[1] = -1;
	int error = 0;
	ssize_t n;
	do
		n = read(p->failed[0], &error, sizeof error);
	while (n < 0 && errno == EINTR);
	if (n != sizeof error)
		return pid;
	process_reap(pid);
	errno = error;
	err_errno(err, "cannot run %s in %s", p->path, p->dir);
	return -1;
}

static void hand_on(struct stream *s, const struct process_options *o)
{
	o->line(o->arg, s->line.data ? s->line.data : "");
	strbuf_clear(&s->line);
}

static void split(struct stream *s, const struct process_options *o, const char *p, size_t n)
{
	while (n > 0) {
		const char *end = memchr(p, '\n', n);
		size_t len = end ? (size_t)(end - p) : n;
		strbuf_add(&s->line, p, len);
		if (end || s->line.len > LINE_MAX_BYTES)
			hand_on(s, o);
		len += end != NULL;
		p += len;
		n -= len;
	}
}

/* False when it has said too much. */
static bool keep(struct stream *s, const char *p, size_t n)
{
	if (!s->kept)
		return true;
	if (s->kept->len + n > s->max && !s->keep_tail)
		return false;
	strbuf_add(s->kept, p, n);
	if (s->kept->len > s->max) {
		size_t drop = s->kept->len - s->max;
		memmove(s->kept->data, s->kept->data + drop, s->max + 1);
		s->kept->len = s->max;
	}
	return true;
}

/* Reads once.  Closes the stream at its end. */
static bool read_stream(struct stream *s, const struct process_options *o)
{
	char chunk[CHUNK];
	ssize_t n = read(s->fd, chunk, sizeof chunk);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0) {
		close(s->fd);
		s->fd = -1;
		return true;
	}
	if (o->line)
		split(s, o, chunk, (size_t)n);
	return keep(s, chunk, (size_t)n);
}

static int pidfd_of(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0);
#else
	(void)pid;
	return -1;
#endif
}

/* Until both outputs are at their end, or the child has ended and nothing is left in the pipes. */
static bool follow(pid_t pid, struct stream s[2], const struct process_options *o, struct err *err)
{
	AUTO_FD int ended = pidfd_of(pid); /* -1 before Linux 5.3: poll ignores it */
	double deadline = o->timeout > 0 ? clock_monotonic() + o->timeout : INFINITY;
	for (;;) {
		struct pollfd p[] = { { .fd = s[0].fd, .events = POLLIN },
				      { .fd = s[1].fd, .events = POLLIN },
				      { .fd = ended, .events = POLLIN },
				      { .fd = o->stoppable ? stop_fd() : -1, .events = POLLIN } };
		if (s[0].fd < 0 && s[1].fd < 0 && ended < 0)
			return true;
		double left = deadline - clock_monotonic();
		if (left <= 0)
			return err_set(err, ERR_TIMEOUT, "%s took more than %g s and was killed",
				       o->argv[0], o->timeout);
		if (o->stoppable && stop_requested())
			return err_set(err, ERR_STOPPED, "%s was killed, since a stop was asked",
				       o->argv[0]);
		if (o->tick)
			o->tick(o->arg);
		double wait = fmin(left, o->tick ? tick_every : INFINITY);
		int ready = poll(p, 4, isinf(wait) ? -1 : (int)fmin(wait * 1000 + 1, 1e9));
		if (ready < 0 && errno != EINTR)
			return err_errno(err, "cannot wait for %s", o->argv[0]);
		if (ready <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (p[i].revents && !read_stream(&s[i], o))
				return err_set(err, ERR_DATA,
					       "%s said more than %zu bytes and was killed",
					       o->argv[0], o->max_output);
		if (p[2].revents && !p[0].revents && !p[1].revents)
			return true;
	}
}

static bool run(struct process_plan *p, const struct process_options *o, struct strbuf *out,
		int *ret_status, struct err *err)
{
	pid_t pid = process_start(p, err);
	if (pid < 0)
		return false;
	struct stream s[2] = {
		{ .fd = p->out[0], .kept = out, .max = o->max_output },
		{ .fd = p->err[0], .kept = o->errors, .max = ERRORS_KEPT, .keep_tail = true },
	};
	p->out[0] = p->err[0] = -1; /* the streams' from here on */
	close_pair(p->out);
	close_pair(p->err);
	for (int i = 0; i < 2; i++)
		(void)fcntl(s[i].fd, F_SETFL, O_NONBLOCK);
	bool ok = follow(pid, s, o, err);
	if (!ok)
		kill(-pid, SIGKILL);
	for (int i = 0; i < 2; i++) {
		if (s[i].line.len > 0)
			hand_on(&s[i], o);
		release_stream(&s[i]);
	}
	int status = process_reap(pid);
	if (ok)
		*ret_status = status;
	return ok;
}

bool process_run(const struct process_options *o, struct strbuf *out, int *ret_status,
		 struct err *err)
{
	AUTO_PLAN struct process_plan p = PROCESS_PLAN_NONE;
	AUTO_STRBUF struct strbuf kept = { 0 };
	if (!process_prepare(&p, o, err) || !run(&p, o, out ? &kept : NULL, ret_status, err))
		return false;
	if (out)
		strbuf_add(out, kept.data, kept.len);
	return true;
}
