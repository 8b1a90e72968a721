/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An expired certificate stops every pull at once, on a day that was known years before. */
#include "checks/checks.h"
#include "lib/core/clock.h"
#include "lib/drivers/certificate.h"
#include "lib/drivers/probe.h"
#include "lib/host/certificates.h"

#include <math.h>
#include <string.h>

static const double soon = 30 * 86400.0; /* seconds */

struct seen {
	struct outcome *out;
	const char *path;
	int certificates, bad, expired;
	double first; /* when the first of them expires */
	struct err unread;
};

static void judge(void *arg, const struct certificate *c)
{
	struct seen *s = arg;
	double now = clock_wall();
	char day[40];

	s->certificates++;
	s->first = fmin(s->first, c->expires);
	if (c->begins <= now && c->expires - now > soon)
		return;
	s->bad++;
	s->expired += c->begins > now || c->expires <= now;
	clock_rfc3339(c->begins > now ? c->begins : c->expires, day, sizeof(day));
	outcome_example(s->out, "%s of %s %s %.10s", c->subject, s->path,
			c->begins > now	   ? "is not valid before"
			: c->expires > now ? "expires on"
					   : "expired on",
			day);
}

static void look(void *arg, const char *path)
{
	struct seen *s = arg;
	struct err err;

	s->path = path;
	if (!certificate_each(path, judge, s, &err))
		s->unread = err;
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const char *list = config_get(p->config, "health.certificates");
	struct seen s = { .out = out, .first = INFINITY };
	char day[40];

	(void)params;
	if (list && *list)
		certificates_listed(list, look, &s);
	else
		certificates_find(look, &s);
	outcome_count(out, "found", s.bad);
	if (s.bad > 0) {
		outcome_set(out, s.expired ? RESULT_FINDING : RESULT_WARNING,
			    "%d of %d certificate(s) (has|have) expired or will within 30 days",
			    s.bad, s.certificates);
		outcome_hint(out, "Renew them, and restart the services that have them.");
	} else if (s.unread.code != ERR_NONE) {
		*err = s.unread;
		return err_hint(err, "Run it as root, or name the files in health.certificates.");
	} else if (s.certificates == 0) {
		outcome_set(out, RESULT_SKIPPED, "no certificate of a web server was found");
	} else {
		clock_rfc3339(s.first, day, sizeof(day));
		outcome_set(out, RESULT_OK, "the first of %d certificate(s) expires on %.10s",
			    s.certificates, day);
	}
	return true;
}

const struct check check_host_certificates = {
	.label = "host-certificates",
	.summary = "no certificate has expired or will soon",
	.source = "the certificates that web servers of this host are configured with",
	.explain = "Those that nginx, Apache, Katello and the smart proxy of this host are "
		   "configured with, or that health.certificates names; every certificate of each "
		   "file. 30 days are a warning.",
	.tags = (const char *const[]){ "default", "host", NULL },
	.run = run,
};
