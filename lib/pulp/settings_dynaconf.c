/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dynaconf is a program of its own beside pulpcore-manager and needs half a second;
 * pulpcore-manager would need two.  Two traps of it are closed here: it takes a settings.py of the
 * current directory when it is given none, and it ignores without a word a settings file that it
 * cannot read, so the file is tried as the same user first.
 */
#include "lib/pulp/settings_dynaconf.h"
#include "lib/core/mem.h"
#include "lib/drivers/process.h"
#include <string.h>

enum { OUTPUT_MAX = 8 << 20 };
static const double timeout_seconds =
	60; /* half a second on an idle host; a loaded one must not fail */

/*
 * Why a Python program ended, from the last line of its stderr: the name of the exception, and its
 * message only where that is known to hold no setting's value.
 */
static void exception(const struct strbuf *errors, char *out, size_t size)
{
	static const char harmless[] = "Could not load DB_ENCRYPTION_KEY file";
	const char *line = "";

	for (const char *p = errors->len ? errors->data : ""; *p;
	     p += strcspn(p, "\n"), p += *p == '\n')
		if (strcspn(p, "\n") > 0)
			line = p;
	const char *message = strstr(line, harmless);
	snprintf(out, size, "%s%.*s", *line ? ": " : "",
		 (int)strcspn(message ? message : line, message ? "\n" : ":\n"),
		 message ? message : line);
}

bool settings_dynaconf(const struct pulp_home *home, struct json **ret, struct err *err)
{
	struct strbuf out AUTO_STRBUF = { 0 }, errors AUTO_STRBUF = { 0 };
	int status = 0;
	const char *const words[] = { "-i", "pulpcore.app.settings.settings", "list", "--json",
				      NULL };
	const struct process_options o = { .errors = &errors,
					   .timeout = timeout_seconds,
					   .max_output = OUTPUT_MAX };

	if (!pulp_program_run(home, "dynaconf", words, &o, &out, &status, err)) {
		if (err->code == ERR_NOT_FOUND)
			(void)err_hint(err,
				       "Name the path of pulpcore-manager in pulp.manager, or set "
				       "database.pulp.conninfo, pulp.media_root and redis.url.");
		return err_wrap(err, "while asking Pulp for its settings");
	}
	struct err why = { .code = ERR_NONE };
	if (status == 0 && out.len > 0 && json_parse(out.data, out.len, ret, &why))
		return true;
	char reason[200];
	exception(&errors, reason, sizeof reason);
	err_set(err, ERR_CONFIG,
		"Pulp's own settings cannot be loaded, dynaconf%s%s ended with %d%s",
		home->container ? " in container " : "", home->container ? home->container : "",
		status, reason);
	return err_hint(
		err,
		"Run `PULP_SETTINGS=%s pulpcore-manager diffsettings` as the user %s to see why.",
		home->settings_file, config_get(home->config, "pulp.user"));
}
