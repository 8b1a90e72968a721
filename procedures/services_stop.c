/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stops the services of this host and remembers them. */
#include "procedures/procedures.h"
#include "procedures/service_set.h"

#include <string.h>

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };
	size_t n = 0;

	if (!service_set_find(p, params, &s, err))
		return false;
	for (size_t i = 0; i < s.services.n; i++) {
		const struct service *one = &s.services.all[i];

		n += one->chosen &&
		     (one->kind == SERVICE_LOOSE ||
		      (one->kind == SERVICE_UNIT && strcmp(one->unit.active, "inactive") != 0 &&
		       strcmp(one->unit.active, "failed") != 0));
	}
	outcome_set(why, RESULT_OK, "%zu of %zu service(s) run(s|)", n, s.services.n);
	*ret = n > 0;
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };

	return actor_lock_host(a, err) && service_set_find(a->look, params, &s, err) &&
	       service_set_stop(a, &s, out, err);
}

static bool verify(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct outcome why = { 0 };
	bool still;

	if (!needed(p, params, &still, &why, err))
		return false;
	if (still) {
		outcome_set(out, RESULT_FAILED, "%s again: something starts them", why.text);
		outcome_hint(out, "`plmaint service status` shows which.");
	}
	outcome_release(&why);
	return true;
}

const struct procedure procedure_services_stop = {
	.label = "services-stop",
	.summary = "stop the services of this host and remember them",
	.explain = "In the reverse of the order in which they start, those of one priority at "
		   "once, sockets and timers with them. What runs is remembered in the state "
		   "directory before the first of it is stopped, so that services-start restores "
		   "exactly that, also after a kill or a reboot.",
	.changes = "stops units of systemd; remembers them in general.state_dir",
	.tags = (const char *const[]){ "services", NULL },
	.needs = NEED_ROOT | NEED_SYSTEMD,
	.params = service_choice_table,
	.params_size = sizeof(struct service_choice),
	.needed = needed,
	.run = run,
	.verify = verify,
};
