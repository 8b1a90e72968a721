/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup goes back to the host that it is of, unless somebody says otherwise. */
#include "procedures/procedures.h"
#include "procedures/restore_job.h"

#include <net/if.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* One of two names may have its domain and the other not. */
static bool same_host(const char *a, const char *b)
{
	size_t la = strcspn(a, "."), lb = strcspn(b, ".");

	return strcasecmp(a, b) == 0 ||
	       (la == lb && strncasecmp(a, b, la) == 0 && (!a[la] || !b[lb]));
}

static void look_at_interfaces(const struct backup_manifest *m, struct outcome *out)
{
	size_t missing = 0;

	for (size_t i = 0; m->interfaces && m->interfaces[i]; i++) {
		if (if_nametoindex(m->interfaces[i]) != 0)
			continue;
		missing++;
		outcome_example(out, "the interface %s", m->interfaces[i]);
	}
	if (!missing)
		return;
	outcome_set(out, RESULT_WARNING, "%zu network interfaces of then are not here", missing);
	outcome_hint(out, "DHCP and DNS of a smart proxy are bound to their names; Pulp is not.");
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_RESTORE struct restore_job j = { .db = NULL };
	char name[256] = "";

	if (!restore_job_open(a->look, params, &j, err))
		return false;
	if (gethostname(name, sizeof(name) - 1) != 0)
		return err_errno(err, "cannot ask for the name of this host");
	if (!same_host(name, j.manifest.host)) {
		outcome_set(out, RESULT_FINDING, "the backup is of the host %s, this one is %s",
			    j.manifest.host, name);
		outcome_hint(out, "Where that is wanted: --whitelist restore-host. Certificates "
				  "and URLs in Pulp's settings are those of this host then.");
		return true;
	}
	outcome_set(out, RESULT_OK, "the backup is of this host, %s", name);
	look_at_interfaces(&j.manifest, out);
	return true;
}

const struct procedure procedure_restore_host = {
	.label = "restore-host",
	.summary = "the backup is of this host",
	.explain = "Compares the host's name and the names of its network interfaces with those "
		   "in the manifest.",
	.tags = (const char *const[]){ "restore", NULL },
	.needs = NEED_SETTINGS,
	.params = restore_params_table,
	.params_size = sizeof(struct restore_params),
	.run = run,
};
