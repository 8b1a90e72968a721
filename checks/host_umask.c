/* SPDX-License-Identifier: GPL-3.0-or-later */
/* With a umask of 077 what root installs or restores cannot be read by the services, which then do
 * not start. */
#include "checks/checks.h"

#include <sys/stat.h>

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	/* There is no way to ask but to set it; nothing else runs here that makes a file. */
	mode_t mask = umask(022);

	(void)p;
	(void)params;
	(void)err;
	umask(mask);
	if (!(mask & 055)) {
		outcome_set(out, RESULT_OK, "the umask is %04o", (unsigned)mask);
		return true;
	}
	outcome_set(out, RESULT_WARNING, "the umask %04o hides new files from the services",
		    (unsigned)mask);
	outcome_hint(out, "Run `umask 0022` before an upgrade.");
	return true;
}

const struct check check_host_umask = {
	.label = "host-umask",
	.summary = "new files can be read by the services",
	.source = "this process",
	.explain = "The umask of the shell is handed down to package managers and installers.",
	.tags = (const char *const[]){ "pre-upgrade", "host", NULL },
	.run = run,
};
