/* SPDX-License-Identifier: GPL-3.0-or-later */
/* It is this program again, by the path that it was started from. */
#include "lib/host/closure_end.h"

#include "lib/core/mem.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };
static const double answer_limit = 30; /* seconds; it takes some milliseconds */

static bool by_systemd(const char *self, const char *set, struct err *err)
{
	/* One of its own: an earlier one may be about to end. */
	AUTO_FREE char *unit = xasprintf("--unit=plmaint-maintenance-mode-end-%d", (int)getpid());
	const char *const argv[] = { "systemd-run", "--quiet", "--collect",
				     unit,	    "--",      self,
				     "--set",	    set,       "maintenance-mode",
				     "await-end",   NULL };
	AUTO_STRBUF struct strbuf errors = { 0 };
	const struct process_options o = { .argv = argv,
					   .timeout = answer_limit,
					   .errors = &errors };
	int status = 0;

	if (!process_run(&o, NULL, &status, err))
		return false;
	strbuf_adds(&errors, "");
	return status == 0 || err_set(err, ERR_IO, "systemd-run says: %.*s",
				      (int)strcspn(errors.data, "\n"), errors.data);
}

/* Nothing of ours is held open: not the lock, not the terminal. */
static _Noreturn void become(const char *self, const char *set)
{
	const char *const argv[] = { self, "--set", set, "maintenance-mode", "await-end", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || setsid() < 0)
		_exit(1);
	(void)signal(SIGHUP, SIG_IGN);
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
	for (int fd = 3; fd < (int)sysconf(_SC_OPEN_MAX) && fd < 65536; fd++)
		(void)close(fd);
	(void)execv(self, (char *const *)(uintptr_t)argv);
	_exit(1);
}

bool closure_end_await(const struct config *config, struct err *err)
{
	AUTO_FREE char *set =
		xasprintf("general.state_dir=%s", config_get(config, "general.state_dir"));
	char self[PATH_BYTES];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	pid_t child;

	if (n < 0)
		return err_errno(err, "cannot tell which program this is");
	self[n] = '\0';
	if (access("/run/systemd/system", F_OK) == 0)
		return by_systemd(self, set, err);
	child = fork();
	if (child == 0)
		become(self, set);
	return child > 0 || err_errno(err, "cannot start what waits for the end");
}
