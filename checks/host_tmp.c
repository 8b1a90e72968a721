/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Package managers and installers put scripts and libraries into a directory for temporary files
 * and run them there; hardened hosts often mount it noexec. */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/host/mounts.h"

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	static const char *const places[] = { "/tmp", "/var/tmp" };
	struct mount m;
	int n = 0;

	(void)p;
	(void)params;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!mount_of(places[i], &m, err))
			return false;
		if (!mount_has(&m, "noexec"))
			continue;
		n++;
		outcome_example(out, "%s is on %s, mounted noexec", places[i], m.point);
	}
	outcome_count(out, "found", n);
	if (n == 0) {
		outcome_set(out, RESULT_OK, "programs can be run from /tmp and /var/tmp");
		return true;
	}
	outcome_set(out, RESULT_WARNING,
		    "%d director(y|ies) for temporary files (is|are) mounted noexec", n);
	outcome_hint(out, "Run `mount -o remount,exec DIRECTORY` for the time of the upgrade.");
	return true;
}

const struct check check_host_tmp = {
	.label = "host-tmp",
	.summary = "installers can run what they put into /tmp",
	.source = "/proc/self/mountinfo",
	.explain = "debconf and installers fail with \"Permission denied\" where /tmp or /var/tmp "
		   "is mounted noexec.",
	.tags = (const char *const[]){ "pre-upgrade", "host", NULL },
	.run = run,
};
