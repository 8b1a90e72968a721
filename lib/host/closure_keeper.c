/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The other end of the dead man's switch.  A process and not a thread: it works on while the caller
 * is deep in a long step, and the kernel takes it away together with the caller, however that ends.
 */
#include "lib/host/closure_renew.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const double share = 1.0 / 3; /* of the time: two renewals may fail */

/* Nothing of the caller's is held open or listened to: not its lock, not its terminal. */
static void leave_the_caller(pid_t caller)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != caller || null < 0)
		_exit(1);
	/* An interrupt is the caller's to answer, which may mean to open the ports. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
		(void)close(fd);
}

static _Noreturn void renew_for_good(const struct config *config, double since, double seconds)
{
	double wait = seconds * share;
	const struct timespec pause = { .tv_sec = (time_t)wait,
					.tv_nsec = (long)((wait - (double)(time_t)wait) * 1e9) };
	struct err err;
	bool ours = true;

	while (ours) {
		(void)nanosleep(&pause, NULL);
		/* One that fails is tried again; when all do, the ports are open, as they are when
		 * nobody renews. */
		if (!closure_renew(config, since, seconds, &ours, &err))
			continue;
	}
	_exit(0);
}

bool closure_keep(const struct config *config, double seconds, struct err *err)
{
	struct closure now = { .noted = false };
	pid_t caller = getpid(), child;

	if (!closure_look(config, &now, err))
		return false;

	double since = now.since;

	closure_release(&now);
	child = fork();
	if (child == 0) {
		leave_the_caller(caller);
		renew_for_good(config, since, seconds);
	}
	return child > 0 || err_errno(err, "cannot start what renews the closure");
}
