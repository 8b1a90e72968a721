/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate that is valid is no use to a client who cannot follow it to an authority: the
 * intermediate one was left out, or a new one signed it.  Browsers often find what is missing by
 * themselves; container clients do not.
 */
#include "checks/checks.h"
#include "lib/drivers/certificate.h"
#include "lib/drivers/probe.h"
#include "lib/host/certificates.h"

struct seen {
	struct outcome *out;
	const char *more;		 /* of the configuration, or NULL */
	struct authorities *authorities; /* NULL until there is a certificate: the system's take
					    long to read */
	int files, broken, of_itself;
	struct err unread;  /* of a certificate */
	struct err unknown; /* of an authority */
};

static void trust(void *arg, const char *path)
{
	struct seen *s = arg;
	struct err err;

	if (!authorities_add(s->authorities, path, &err))
		s->unknown = err;
}

static void gather(struct seen *s)
{
	s->authorities = authorities_new();
	if (s->more && *s->more)
		certificates_listed(s->more, trust, s);
	certificates_authorities(trust, s);
}

static void look(void *arg, const char *path)
{
	struct seen *s = arg;
	enum trust found;
	char why[256];
	struct err err;

	if (!s->authorities)
		gather(s);
	if (!certificate_trust(path, s->authorities, &found, why, &err)) {
		s->unread = err;
		return;
	}
	s->files++;
	if (found == TRUST_BROKEN) {
		s->broken++;
		outcome_example(s->out, "%s: %s", path, why);
	} else if (found == TRUST_OF_ITSELF) {
		s->of_itself++;
		outcome_example(s->out, "%s: signed by itself", path);
	}
}

static void judge(const struct seen *s, struct outcome *out)
{
	int bad = s->broken + s->of_itself;

	outcome_count(out, "found", bad);
	if (s->files == 0) {
		outcome_set(out, RESULT_SKIPPED, "no certificate of a web server was found");
	} else if (bad == 0) {
		outcome_set(out, RESULT_OK,
			    "%d certificate(s) lead(s|) to an authority that is trusted", s->files);
	} else {
		outcome_set(out, s->broken ? RESULT_FINDING : RESULT_WARNING,
			    "%d of %d certificate(s) lead(s|) to no authority that is trusted", bad,
			    s->files);
		outcome_hint(out, "Put the intermediate certificates into the file behind the "
				  "server's, or name the authority in health.authorities if "
				  "clients know it.");
	}
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	const char *files = config_get(p->config, "health.certificates");
	struct seen s = { .out = out, .more = config_get(p->config, "health.authorities") };

	(void)params;
	if (files && *files)
		certificates_listed(files, look, &s);
	else
		certificates_find(look, &s);
	authorities_free(s.authorities);
	if (s.unknown.code == ERR_NONE && (s.unread.code == ERR_NONE || s.broken > 0)) {
		judge(&s, out);
		return true;
	}
	*err = s.unknown.code != ERR_NONE ? s.unknown : s.unread;
	return err_hint(err, "Run it as root, or name the files in health.certificates and "
			     "health.authorities.");
}

const struct check check_host_chains = {
	.label = "host-chains",
	.summary = "clients can follow every certificate to an authority",
	.source = "the certificates, and the authorities that this host trusts",
	.explain = "The first certificate of each file that host-certificates looks at, with the "
		   "others of its file. One that is signed by itself is a warning. Times are left "
		   "to host-certificates.",
	.tags = (const char *const[]){ "default", "host", NULL },
	.run = run,
};
