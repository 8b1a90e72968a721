/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the media directory is mounted decides whether what Pulp has stored stays stored: the kernel
 * turns a damaged file system read-only, and a soft mount of NFS tells a slow server as an error in
 * the middle of a file.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/drivers/probe.h"
#include "lib/host/mounts.h"

#include <string.h>

static const struct {
	const char *option;
	const char *type; /* how its type begins; NULL: any */
	enum result result;
	const char *what;
} bad[] = {
	{ "ro", NULL, RESULT_FINDING, "nothing can be written" },
	{ "soft", "nfs", RESULT_WARNING, "a slow server makes writes fail half way" },
	{ "softerr", "nfs", RESULT_WARNING, "a slow server makes writes fail half way" },
	{ "nobarrier", NULL, RESULT_WARNING, "a power cut loses what was synced" },
	{ "barrier=0", NULL, RESULT_WARNING, "a power cut loses what was synced" },
};

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	enum result worst = RESULT_OK;
	struct mount m;
	int n = 0;

	(void)params;
	if (!mount_of(p->place.media_root, &m, err))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (!mount_has(&m, bad[i].option) ||
		    (bad[i].type && strncmp(m.type, bad[i].type, strlen(bad[i].type)) != 0))
			continue;
		n++;
		worst = bad[i].result > worst ? bad[i].result : worst;
		outcome_example(out, "%s (%s) has %s: %s", m.point, m.type, bad[i].option,
				bad[i].what);
	}
	outcome_count(out, "found", n);
	if (n == 0) {
		outcome_set(out, RESULT_OK, "the media directory is on %s of %s, read-write",
			    m.type, m.point);
		return true;
	}
	outcome_set(out, worst,
		    "%d option(s) of the mount of the media directory (is|are) not for Pulp", n);
	outcome_hint(out, "`dmesg` tells why the kernel has made it read-only; other options stand "
			  "in /etc/fstab or in a mount unit.");
	return true;
}

const struct check check_host_mounts = {
	.label = "host-mounts",
	.summary = "the media directory is mounted so that Pulp can rely on it",
	.source = "/proc/self/mountinfo",
	.explain = "Read-only is a finding; soft NFS and file systems without barriers are "
		   "warnings.",
	.tags = (const char *const[]){ "default", "pre-upgrade", "host", NULL },
	.needs = NEED_MEDIA,
	.run = run,
};
