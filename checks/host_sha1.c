/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A certificate that was good for years stops every client on the day on which the operating system
 * is upgraded: OpenSSL 3 takes no signature by SHA-1 or MD5 from its security level 1 on, which is
 * every distribution's default.
 */
#include "checks/checks.h"
#include "lib/core/strbuf.h"
#include "lib/drivers/certificate.h"
#include "lib/drivers/probe.h"
#include "lib/host/certificates.h"

#include <string.h>

struct seen {
	struct outcome *out;
	const char *path;
	struct strbuf paths; /* "\n/a\n/b\n": an authority may be named twice */
	int certificates, signed_weakly, of_itself;
	struct err unread;
};

static void judge(void *arg, const struct certificate *c)
{
	struct seen *s = arg;

	s->certificates++;
	if (!*c->weak)
		return;
	if (c->of_itself)
		s->of_itself++;
	else
		s->signed_weakly++;
	outcome_example(s->out, "%s of %s: %s%s", c->subject, s->path, c->weak,
			c->of_itself ? ", by itself" : "");
}

static void look(void *arg, const char *path)
{
	struct seen *s = arg;
	AUTO_STRBUF struct strbuf line = { 0 };
	struct err err;

	strbuf_addf(&line, "\n%s\n", path);
	if (s->paths.len && strstr(s->paths.data, line.data))
		return;
	strbuf_adds(&s->paths, line.data);
	s->path = path;
	if (!certificate_each(path, judge, s, &err))
		s->unread = err;
}

static void look_at_all(struct seen *s, const char *files, const char *authorities)
{
	if (files && *files)
		certificates_listed(files, look, s);
	else
		certificates_find(look, s);
	if (authorities && *authorities)
		certificates_listed(authorities, look, s);
	certificates_authorities(look, s);
}

static void say(const struct seen *s, struct outcome *out)
{
	int bad = s->signed_weakly + s->of_itself;

	outcome_count(out, "found", bad);
	if (s->certificates == 0) {
		outcome_set(out, RESULT_SKIPPED, "no certificate of a web server was found");
	} else if (bad == 0) {
		outcome_set(out, RESULT_OK, "none of %d certificates is signed with SHA-1 or MD5",
			    s->certificates);
	} else {
		outcome_set(out, s->signed_weakly ? RESULT_FINDING : RESULT_WARNING,
			    "%d of %d certificate(s) (is|are) signed with SHA-1 or MD5", bad,
			    s->certificates);
		outcome_hint(
			out, "%s",
			s->signed_weakly
				? "Have them issued anew with SHA-256 before clients or this host are upgraded."
				: "OpenSSL takes an authority's own signature as it is, others do not: make one anew with SHA-256.");
	}
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	struct seen s = { .out = out };

	(void)params;
	look_at_all(&s, config_get(p->config, "health.certificates"),
		    config_get(p->config, "health.authorities"));
	strbuf_release(&s.paths);
	if (s.signed_weakly + s.of_itself == 0 && s.unread.code != ERR_NONE) {
		*err = s.unread;
		return err_hint(err, "Run it as root, or name the files in health.certificates and "
				     "health.authorities.");
	}
	say(&s, out);
	return true;
}

const struct check check_host_sha1 = {
	.label = "host-sha1",
	.summary = "no certificate is signed in a way that newer clients refuse",
	.source = "the certificates, and the authorities that this host trusts",
	.explain =
		"The certificates that host-certificates looks at, and the authorities of host-chains. SHA-1 and MD5 are "
		"refused by OpenSSL 3 at security level 1 and above, and by Enterprise Linux 9. One that is signed by itself "
		"is a warning.",
	.tags = (const char *const[]){ "pre-upgrade", "host", NULL },
	.run = run,
};
