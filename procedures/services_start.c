/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starts what services-stop has stopped, and waits until it answers. */
#include "procedures/procedures.h"
#include "procedures/service_set.h"

#include <string.h>

/* Which of the wanted ones do not run, or are still remembered. */
static size_t count_open(const struct service_set *s, const struct names *wanted)
{
	size_t n = 0;

	for (size_t i = 0; i < s->services.n; i++) {
		const struct service *one = &s->services.all[i];

		n += names_has(wanted, one->name) &&
		     (one->remembered || strcmp(one->unit.active, "active") != 0);
	}
	return n;
}

static bool needed(const struct probe *p, const void *params, bool *ret, struct outcome *why,
		   struct err *err)
{
	AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };
	AUTO_NAMES struct names wanted = { .n = 0 };

	if (!service_set_find(p, params, &s, err))
		return false;
	service_set_wanted(&s, &wanted);

	size_t n = count_open(&s, &wanted);

	outcome_set(why, RESULT_OK, n ? "%zu service(s) (is|are) to be started" : "all of %zu run",
		    n ? n : wanted.n);
	*ret = n > 0;
	return true;
}

static bool run(struct actor *a, const void *params, struct outcome *out, struct err *err)
{
	AUTO_SERVICE_SET struct service_set s = { .cautions = NULL };

	return actor_lock_host(a, err) && service_set_find(a->look, params, &s, err) &&
	       service_set_start(a, &s, out, err);
}

const struct procedure procedure_services_start = {
	.label = "services-start",
	.summary = "start the services of this host that were stopped, and wait for them",
	.explain = "Exactly those that are remembered; where none is, those that start with the "
		   "host. Each priority is waited for before the next: PostgreSQL and Redis until "
		   "they answer, Pulp until its processes have signed on in its database and its "
		   "status (throttle.status_url) says that it is well. A unit is forgotten once it "
		   "runs.",
	.changes = "starts units of systemd; forgets them in general.state_dir",
	.tags = (const char *const[]){ "services", NULL },
	.needs = NEED_ROOT | NEED_SYSTEMD,
	.params = service_choice_table,
	.params_size = sizeof(struct service_choice),
	.needed = needed,
	.run = run,
};
