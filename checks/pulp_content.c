/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files of every pull come from the service content; api may answer while it does not. */
#include "checks/checks.h"
#include "lib/drivers/probe.h"
#include "lib/host/listeners.h"

enum { SERVER_ERROR = 500 };

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_STRBUF struct strbuf body = { 0 };
	struct answer a;

	(void)params;
	if (!listener_ask(p->config, &listener_content, &body, &a, out, err))
		return false;
	if (!a.answered)
		return true;
	/* What was asked for may be guarded or gone; an answer it is. */
	if (a.status < SERVER_ERROR) {
		outcome_set(out, RESULT_OK, "the service content answers in %s, HTTP %ld", a.took,
			    a.status);
		return true;
	}
	outcome_set(out, RESULT_FINDING, "the service content answers with HTTP %ld", a.status);
	outcome_hint(out, "Look into the journal of pulpcore-content.");
	return true;
}

const struct check check_pulp_content = {
	.label = "pulp-content",
	.summary = "the service that hands out files answers",
	.source = "the content app over HTTP",
	.explain = "Asks throttle.content_url; where that is not set the service itself, at "
		   "/run/pulpcore-content.sock or port 24816 of this host. Any answer but a "
		   "server's error will do.",
	.tags = (const char *const[]){ "default", "services", NULL },
	.run = run,
};
