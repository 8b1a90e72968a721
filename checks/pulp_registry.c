/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What podman asks first, and where every pull and push begins.  A web server that leads only
 * Pulp's own paths to api answers 404 there. */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/host/listeners.h"

enum { GRANTED = 200, WHO_ARE_YOU = 401 };

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_STRBUF struct strbuf body = { 0 };
	struct answer a;

	(void)params;
	if (!listener_ask(p->config, &listener_registry, &body, &a, out, err))
		return false;
	if (!a.answered)
		return true;
	if (a.status == GRANTED || a.status == WHO_ARE_YOU) {
		outcome_set(out, RESULT_OK, "the registry answers in %s, HTTP %ld", a.took,
			    a.status);
		return true;
	}
	outcome_set(out, RESULT_FINDING, "/v2/ is answered with HTTP %ld", a.status);
	outcome_hint(out, a.status == 404
				  ? "The web server has to lead /v2/ to pulpcore-api, which needs "
				    "the plugin pulp-container."
				  : "Look into the journal of pulpcore-api.");
	return true;
}

const struct check check_pulp_registry = {
	.label = "pulp-registry",
	.summary = "the registry answers those who pull and push",
	.source = "the registry's /v2/ over HTTP",
	.explain = "Asks for /v2/ where throttle.status_url leads, or else the service api, as "
		   "pulp-status does. 200 and 401 are what a client can go on with.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.run = run,
};
