/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A container that was started by hand, and any other process of Pulp that no unit runs, cannot be
 * stopped through systemd, nor started again as it was.  Told before anything is closed, and not
 * when half of the site stands still.
 */
#include "checks/checks.h"
#include "lib/core/mem.h"
#include "lib/drivers/container.h"
#include "lib/host/process_unit.h"
#include "lib/pulp/look.h"

#include <string.h>

/* Adds it to the examples; *ret_stop is set where one of them is in a container. */
static bool is_loose(const char *what, pid_t pid, const char **ret_stop, struct outcome *out)
{
	AUTO_FREE char *unit = unit_of_process(pid);
	AUTO_FREE char *container = unit ? NULL : container_of_process(pid);
	AUTO_FREE char *keeper = container ? container_keeper(pid) : NULL;

	if (unit)
		return false;
	if (container)
		outcome_example(out, "%s: process %d in container %s%s%s", what, (int)pid,
				container, keeper ? " of " : "", keeper ? keeper : "");
	else
		outcome_example(out, "%s: process %d", what, (int)pid);
	if (container)
		*ret_stop = !keeper			    ? "`podman stop`"
			    : strcmp(keeper, "Docker") == 0 ? "`docker stop`"
							    : "`podman stop` as that user";
	return true;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	const char *stop = NULL;
	size_t loose = 0;

	(void)params;
	if (!look_query(p, "SELECT app_type || ' ' || name, name FROM {heartbeats} h ORDER BY 1",
			&r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++)
		for (pid_t pid = 0; (pid = process_of_heartbeat(pg_text(r, i, 1), pid));)
			loose += is_loose(pg_text(r, i, 0), pid, &stop, out);
	outcome_count(out, "found", (int64_t)loose);
	if (loose == 0) {
		outcome_set(out, RESULT_OK, "no service of Pulp here runs outside of a unit");
		return true;
	}
	outcome_set(out, RESULT_FINDING,
		    "%zu service(s) of Pulp on this host (is|are) run by no unit of systemd%s",
		    loose, stop ? ", but in a container of their own" : "");
	outcome_hint(
		out,
		"%s %s, or let a unit run it%s; `upgrade run` can also have commands that stop "
		"and start it: upgrade.stop_command.",
		stop ? "Stop it by" : "End it with", stop ? stop : "what has started it",
		stop ? ", as root's quadlet does" : "");
	return true;
}

const struct check check_pulp_apps_loose = {
	.label = "pulp-apps-loose",
	.summary = "every service of Pulp on this host is run by a unit of systemd",
	.source = "the heartbeats, and /proc of this host",
	.explain = "By the processes beside the heartbeats and their control groups. What no unit "
		   "runs is not stopped here, so nothing that needs it stopped is begun.",
	.tags = (const char *const[]){ "services", "pre-upgrade", "upgrade", NULL },
	.needs = NEED_DB,
	.run = run,
};
