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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUTPUT_MAX = 8 << 20 };
static const double timeout_seconds =
	60; /* half a second on an idle host; a loaded one must not fail */

/* Where packages and installers put Pulp's programs, after the operator's own PATH. */
static const char usual_path[] = "/usr/bin:/usr/local/lib/pulp/bin:/opt/pulp/bin:/usr/local/bin";

/* dir/dynaconf when dir has both programs; else NULL.  Caller frees. */
static char *dynaconf_in(const char *dir, size_t len)
{
	char *manager AUTO_FREE = xasprintf("%.*s/pulpcore-manager", (int)len, dir);
	char *dynaconf AUTO_FREE = xasprintf("%.*s/dynaconf", (int)len, dir);

	return len > 0 && *dir == '/' && access(manager, X_OK) == 0 && access(dynaconf, X_OK) == 0
		       ? TAKE(dynaconf)
		       : NULL;
}

static char *search(const char *path)
{
	while (path && *path) {
		size_t len = strcspn(path, ":");
		char *found = dynaconf_in(path, len);
		if (found)
			return found;
		path += len + (path[len] == ':');
	}
	return NULL;
}

static char *find_dynaconf(const struct config *config, struct err *err)
{
	const char *manager = config_get(config, "pulp.manager");
	char *found = NULL;

	if (manager && *manager) {
		const char *slash = strrchr(manager, '/');
		found = slash ? dynaconf_in(manager, (size_t)(slash - manager)) : NULL;
		/* A link in /usr/bin may lead to where the programs are. */
		char *real AUTO_FREE = found ? NULL : realpath(manager, NULL);
		if (real)
			found = dynaconf_in(real, (size_t)(strrchr(real, '/') - real));
	} else {
		found = search(getenv("PATH"));
		found = found ? found : search(usual_path);
	}
	if (found)
		return found;
	if (manager && *manager)
		err_set(err, ERR_NOT_FOUND, "there is no dynaconf beside %s", manager);
	else
		err_set(err, ERR_NOT_FOUND, "pulpcore-manager and dynaconf are not in PATH");
	err_hint(
		err,
		"Name the path of pulpcore-manager in pulp.manager, or set database.pulp.conninfo, pulp.media_root "
		"and redis.url.");
	return NULL;
}

/* Tries the file as the user that will run dynaconf; as ourselves when we are not root. */
static bool check_readable(const char *user, const char *file, struct err *err)
{
	struct strbuf out AUTO_STRBUF = { 0 };
	int status = 0;
	const char *const argv[] = { "/usr/bin/test", "-r", file, NULL };
	const struct process_options o = {
		.argv = argv, .user = user, .timeout = 10, .max_output = 1024
	};

	if (!process_run(&o, &out, &status, err))
		return err_wrap(err, "while reading %s as the user %s", file, user);
	if (status == 0)
		return true;
	err_set(err, ERR_DENIED, "the user %s cannot read %s", user, file);
	return err_hint(
		err,
		"Pulp itself would ignore the file and use its defaults: give it to the group of the user "
		"%s, or name another user in pulp.user.",
		user);
}

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

bool settings_dynaconf(const struct config *config, const char *settings_file,
		       const struct unit_environment *env, struct json **ret, struct err *err)
{
	struct strbuf out AUTO_STRBUF = { 0 }, errors AUTO_STRBUF = { 0 };
	const char *user = config_get(config, "pulp.user");
	char *program AUTO_FREE = find_dynaconf(config, err);
	int status = 0;

	if (!program || !check_readable(user, settings_file, err))
		return false;
	char *file_var AUTO_FREE = xasprintf("PULP_SETTINGS=%s", settings_file);
	const char **vars AUTO_FREE = xcalloc(env->n + 5, sizeof *vars);
	size_t n = 0;
	vars[n++] = "PATH=/usr/local/bin:/usr/bin:/bin";
	vars[n++] = "LANG=C.UTF-8";
	vars[n++] = "DJANGO_SETTINGS_MODULE=pulpcore.app.settings";
	vars[n++] = file_var;
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->vars[i], "PULP_SETTINGS=", 14) != 0)
			vars[n++] = env->vars[i];
	const char *const argv[] = { program, "-i",	"pulpcore.app.settings.settings",
				     "list",  "--json", NULL };
	const struct process_options o = { .argv = argv,
					   .env = vars,
					   .user = user,
					   .dir = "/",
					   .errors = &errors,
					   .timeout = timeout_seconds,
					   .max_output = OUTPUT_MAX };
	if (!process_run(&o, &out, &status, err))
		return err_wrap(err, "while asking Pulp for its settings");
	struct err why = { .code = ERR_NONE };
	if (status == 0 && out.len > 0 && json_parse(out.data, out.len, ret, &why))
		return true;
	char reason[200];
	exception(&errors, reason, sizeof reason);
	err_set(err, ERR_CONFIG, "Pulp's own settings cannot be loaded, %s ended with %d%s",
		program, status, reason);
	return err_hint(
		err,
		"Run `PULP_SETTINGS=%s pulpcore-manager diffsettings` as the user %s to see why.",
		settings_file, user);
}
