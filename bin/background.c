/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child of its own session; background.h says what for. */
#include "bin/background.h"

#include "lib/core/mem.h"
#include "lib/core/state.h"
#include "lib/core/stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char log_prefix[] = "background-";

/* Nothing of the terminal is left: a signal or a hang-up of it is no longer ours. */
static bool leave_terminal(int log)
{
	AUTO_FD int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (setsid() < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		return false;
	stop_install(); /* what wakes the parent must not wake the child */
	stop_ignore_hup();
	return true;
}

bool background_start(const char *state_dir, const char *run_id, size_t keep_logs,
		      struct background *ret, struct err *err)
{
	AUTO_FREE char *name = xasprintf("%s%.8s.log", log_prefix, run_id);
	AUTO_FD int log = -1;
	int ends[2];

	*ret = (struct background){ .begun = -1 };
	if (!state_dir_make(state_dir, err) ||
	    !state_open(state_dir, name, O_WRONLY | O_CREAT | O_APPEND, &log, err))
		return false;
	state_keep_newest(state_dir, log_prefix, keep_logs);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "cannot make a pipe");
	(void)fflush(NULL);
	ret->child = fork();
	if (ret->child < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return err_errno(err, "cannot start a process");
	}
	ret->begun = ends[ret->child == 0];
	(void)close(ends[ret->child != 0]);
	if (ret->child == 0 && !leave_terminal(log))
		_exit(1);
	ret->log = xasprintf("%s/%s", state_dir, name);
	return true;
}

void background_begun(void *arg)
{
	struct background *b = arg;

	if (b->begun >= 0 && write(b->begun, "", 1) == 1)
		auto_close(&b->begun);
	b->begun = -1;
}

void background_wait(struct background *b, bool *ret_ended, int *ret_status)
{
	char byte;
	int status = 0;
	ssize_t n;

	*ret_ended = false;
	do {
		struct pollfd fds[] = { { .fd = b->begun, .events = POLLIN },
					{ .fd = stop_fd(), .events = POLLIN } };
		(void)poll(fds, ARRAY_LEN(fds), -1);
		if (stop_requested())
			return; /* whoever waits no longer; the work goes on */
		n = fds[0].revents ? read(b->begun, &byte, 1) : -1;
	} while (n < 0);
	if (n == 1)
		return;
	while (waitpid(b->child, &status, 0) < 0 && errno == EINTR)
		continue;
	*ret_ended = true;
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void background_release(struct background *b)
{
	auto_close(&b->begun);
	free(b->log);
}
