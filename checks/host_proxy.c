/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Installers ask the host's own services over HTTP, and with a proxy in the environment do so
 * through it (foreman-maintain's env-proxy); plmaint itself does not heed these variables. */
#include "checks/checks.h"
#include "lib/core/mem.h"

#include <stdlib.h>

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "all_proxy",
					     "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY" };
	int n = 0;

	(void)p;
	(void)params;
	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (!value || !*value)
			continue;
		n++;
		/* The value may hold a password. */
		outcome_example(out, "%s", names[i]);
	}
	outcome_count(out, "found", n);
	if (n == 0) {
		outcome_set(out, RESULT_OK, "no proxy is set in the environment");
		return true;
	}
	outcome_set(out, RESULT_WARNING, "%d variable(s) of the environment set a proxy", n);
	outcome_hint(out, "Unset them before an upgrade, or name this host in no_proxy.");
	return true;
}

const struct check check_host_proxy = {
	.label = "host-proxy",
	.summary = "no proxy is set in the environment",
	.source = "the environment of this process",
	.explain = "An installer that asks this host through a proxy fails, or asks another one.",
	.tags = (const char *const[]){ "pre-upgrade", "host", NULL },
	.run = run,
};
