/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A signing service is a row that names a program of the host.  Where a restore or a move has left
 * the program behind, each publication and each signed push fails as a task, long afterwards.
 */
#include "checks/checks.h"
#include "lib/pulp/look.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* For root every file can be run that anybody may run; who cannot look does not know. */
static const char *trouble(const char *path, bool *unknown)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		*unknown = errno == EACCES;
		return strerror(errno);
	}
	if (!S_ISREG(st.st_mode))
		return "no regular file";
	return st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) ? NULL : "not executable";
}

static bool run(const struct probe *p, const void *params, struct outcome *out, struct err *err)
{
	AUTO_ROWS struct pg_rows *r = NULL;
	bool possible, unknown = false;
	size_t bad = 0;

	(void)params;
	if (!look_possible(p, "core_signingservice.script", &possible, out, err))
		return false;
	if (!possible)
		return true;
	if (!look_query(p, "SELECT name, script FROM core_signingservice ORDER BY 1", &r, err))
		return false;
	for (size_t i = 0; i < pg_rows_count(r); i++) {
		const char *why = trouble(pg_text(r, i, 1), &unknown);

		if (!why)
			continue;
		if (unknown) {
			(void)err_set(err, ERR_DENIED, "%s: %s", pg_text(r, i, 1), why);
			return err_hint(err, "Run it as root.");
		}
		outcome_example(out, "%s: %s: %s", pg_text(r, i, 0), pg_text(r, i, 1), why);
		bad++;
	}
	outcome_count(out, "found", (int64_t)bad);
	if (bad == 0) {
		outcome_set(out, RESULT_OK, "each of %zu signing service(s) has its program",
			    pg_rows_count(r));
		return true;
	}
	outcome_set(out, RESULT_WARNING,
		    "%zu of %zu signing service(s) (has|have) no program that can be run here", bad,
		    pg_rows_count(r));
	outcome_hint(out, "Put the programs where they belong on every host with workers, mode "
			  "0755; in a container look there.");
	return true;
}

const struct check check_pulp_signing_services = {
	.label = "pulp-signing-services",
	.summary = "each signing service has its program",
	.source = "core_signingservice, and the scripts that it names",
	.explain = "By column script of core_signingservice: a file of this host that can be run. "
		   "It is not started.",
	.tags = (const char *const[]){ "default", "host", NULL },
	.needs = NEED_DB,
	.run = run,
};
