/* SPDX-License-Identifier: GPL-3.0-or-later */
/* statvfs in a child, its answer through a pipe. */
#include "lib/drivers/space.h"

#include "lib/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
	int error; /* errno, or 0 */
	struct statvfs st;
};

/* In the child: only what is safe after a fork of a program with threads. */
static _Noreturn void ask(const char *path, int fd)
{
	struct answer a = { 0 };

	if (statvfs(path, &a.st) < 0)
		a.error = errno;
	/* Who does not get it says so. */
	_exit(write(fd, &a, sizeof(a)) != (ssize_t)sizeof(a));
}

static bool wait_for(int fd, double timeout)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, (int)(timeout * 1000));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

bool space_ask(const char *path, double timeout, struct space *ret, struct err *err)
{
	struct answer a;
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_errno(err, "a pipe");

	int from AUTO_FD = pipes[0], to AUTO_FD = pipes[1];
	pid_t child = fork();

	if (child < 0)
		return err_errno(err, "a process");
	if (child == 0)
		ask(path, to);
	bool answered = wait_for(from, timeout) && read(from, &a, sizeof(a)) == (ssize_t)sizeof(a);
	if (!answered)
		kill(child, SIGKILL);
	/* One that the kernel holds ends when the kernel lets it, and is not waited for. */
	(void)waitpid(child, NULL, answered ? 0 : WNOHANG);
	if (!answered) {
		(void)err_set(err, ERR_TIMEOUT, "the file system of '%s' does not answer", path);
		return err_hint(err, "Look whether it is a network file system whose server is "
				     "gone.");
	}
	errno = a.error;
	if (a.error)
		return err_errno(err, "the file system of '%s'", path);
	*ret = (struct space){ .bytes = (int64_t)a.st.f_blocks * (int64_t)a.st.f_frsize,
			       .bytes_free = (int64_t)a.st.f_bavail * (int64_t)a.st.f_frsize,
			       .files = (int64_t)a.st.f_files,
			       .files_free = (int64_t)a.st.f_favail };
	return true;
}
