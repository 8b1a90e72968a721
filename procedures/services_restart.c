/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stop and start in one step: whoever stops it in between finds the services started again. */
#include "procedures/procedures.h"
#include "procedures/service_set.h"

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	struct outcome stopped = { 0 };
	struct err why = { 0 };
	bool ok;

	if (!actor_lock_host(a, err))
		return false;
	{
		AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };

		if (!service_set_find(a->look, params, &s, err))
			return false;
		ok = service_set_stop(a, &s, &stopped, &why);
	}

	AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };
	bool started = service_set_find(a->look, params, &s, err);

	s.enabled_too = true;
	started = started && service_set_start(a, &s, out, err);

	/* The first trouble is the one to be told. */
	if (!ok)
		*err = why;
	if (started && ok && stopped.result > out->result) {
		outcome_set(out, stopped.result, "%s", stopped.text);
		outcome_hint(out, "%s", stopped.hint);
	}
	outcome_release(&stopped);
	return started && ok;
}

const struct procedure procedure_services_restart = {
	.label = "services-restart",
	.summary = "stop the services of this host that run, and start them again",
	.explain = "services-stop and services-start in one step: where the stop fails, what was "
		   "stopped is started again.",
	.changes = "stops and starts units of systemd",
	.tags = (const char *const[]){ "services", NULL },
	.needs = NEED_ROOT | NEED_SYSTEMD,
	.params = service_choice_table,
	.params_size = sizeof(struct service_choice),
	.run = run,
};
